"""The report: comparisons and claims on made-up measurements, and the files that `python -m experiments.report` writes."""

import json
import shutil
import tempfile
from pathlib import Path

import pandas as pd
import pytest

from experiments.analysis.claims import CLAIMS
from experiments.analysis.explanations import EXPLANATIONS, explanation
from experiments.analysis.measured import Measured, MeasuredCell
from experiments.analysis.tables import TABLES, agreement, comparisons, printed
from experiments.report import main
from fedrec.campaigns.store import COLUMNS
from tests.experiments.driver import QUICK, paper, run, write_data

ROOT = Path(__file__).parents[2]


def as_printed(shift: float = 0.0) -> Measured:
    """What would have been measured if the paper's numbers were exact, but for so many points."""
    cells = {}
    for table, layout in TABLES.items():
        found = []
        for choices, values in printed(table):
            scaled = {
                name: (value + shift) / (100 if name[:3] in ("ER@", "HR@") or name == "sparsity" else 1) for name, value in values.items()
            }
            runs = {seed: dict.fromkeys(("best", "final", layout.rule), scaled) for seed in range(3)}
            found.append(MeasuredCell(f"paper/{table}", choices, choices.get("dataset", "ml100k"), runs))
        cells[f"paper/{table}"] = found
    return Measured(cells)


def test_the_paper_agrees_with_itself():
    everything = [one for table in TABLES for one in comparisons(as_printed(), table)]
    assert len(everything) > 350 and all(one.agrees is not False for one in everything)
    assert all(one.measured == pytest.approx(one.printed) and one.error == 0 for one in everything)
    assert agreement(everything, "ER@10") == (161, 161)


def test_tolerance_is_10_points_of_er_or_the_same_side_and_3_of_hr():
    for shift, (er, hr) in {2.9: (True, True), 3.1: (True, False), -11: (False, False)}.items():
        (none, *_, uea) = [
            one for one in comparisons(as_printed(shift), "table10") if one.choices["system.client_learning_rate"] == "[0.01,1.0]"
        ]
        assert (none.metric, uea.metric) == ("ER@10", "HR@10") and uea.agrees is hr
        dropped = next(one for one in comparisons(as_printed(shift), "table10") if one.printed == 55.69)
        assert dropped.agrees is er
    high = next(one for one in comparisons(as_printed(-9), "table3") if one.printed == 100.0)
    assert high.measured == pytest.approx(91) and high.agrees


def test_the_papers_own_numbers_hold_what_the_tables_can_tell():
    """The assertions say what the paper says: on its own numbers those that need tables alone hold."""
    verdicts = {claim.text: claim.verdict(as_printed()) for claim in CLAIMS}
    held = {text for text, verdict in verdicts.items() if verdict is not None and verdict.holds}
    failed = {text for text, verdict in verdicts.items() if verdict is not None and not verdict.holds}
    assert len(held) >= 14
    assert failed == set(), {text: verdicts[text] for text in failed}


def test_claims_fail_when_the_numbers_do():
    measured = as_printed()
    for cell in measured.of_experiment("table4"):
        for result in cell.runs.values():
            result["best"] = {**result["best"], "ER@10": 0.5}
    claims = {claim.text: claim.verdict(measured) for claim in CLAIMS}
    assert not claims["`ours` brings every attack under 2 % ER@10"].holds
    assert not claims["No server-side defense protects DL-FRS (ER@10 above 90 %)"].holds


def test_seeds_are_averaged_with_their_standard_error():
    runs = {seed: {"best": {"ER@10": value}, "final": {"ER@10": 0.0}} for seed, value in enumerate((0.1, 0.2, 0.6))}
    cell = MeasuredCell("paper/table3", {}, "ml100k", runs)
    assert cell.mean("ER@10") == pytest.approx(0.3) and cell.error("ER@10") == pytest.approx(0.2646 / 3**0.5, abs=1e-4)
    assert MeasuredCell("paper/table3", {}, "ml100k", {0: runs[0]}).error("ER@10") is None


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report of a few cells on made-up data, its folder, and what the program printed."""
    folder = tmp_path_factory.mktemp("report")
    write_data(folder / "data")
    result = paper(folder, "only=table2,table5,fig3,fig4,told_interactions", "seeds=2", *QUICK)
    assert result.returncode == 0, result.stderr
    written = run(folder, "report", "to=written")
    assert written.returncode == 0, written.stderr
    return folder / "written"


def test_tables_show_measured_printed_and_difference(report):
    text = (report / "README.md").read_text()
    assert "ML-100K 2" in text
    (row,) = [line for line in text.splitlines() if line.startswith("| PIECK-UEA, ours | ") and "paper 39.66" in line]
    assert row.count("±") == 4 and "not measured<br>paper 93.39" in text
    table = pd.read_csv(report / "data/table5.csv")
    assert list(table["seeds"].unique()) == [2] and len(table) == 20
    assert {"attack", "defense", "metric", "printed", "measured", "error", "final", "agrees"} <= set(table.columns)
    runs = pd.read_parquet(report / "runs.parquet")
    assert tuple(runs.columns) == COLUMNS
    assert json.loads(runs["point"][0]) == ["model=mf"] and runs["experiment"][0] == "paper/table2"
    assert not runs["result"].str.contains(str(report.parent)).any()  # nor does a path of this machine stand anywhere


def test_figures_are_pictures_with_their_data(report):
    for name in ("fig3", "fig4"):
        assert (report / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert f"]({name}.png)" in (report / "README.md").read_text()
    points = pd.read_csv(report / "data/fig4.csv")
    assert len(points) == 2 * 3 * 50  # two models, fifty items; so few users make one round an epoch, twenty in all
    assert set(points["y"]) == {"round 4", "round 8", "round 20"}


def test_a_report_is_rebuilt_from_its_own_runs(report, tmp_path):
    assert main([f"runs={report}/runs.parquet", f"to={tmp_path}"]) == 0
    assert (tmp_path / "README.md").read_text() == (report / "README.md").read_text()
    assert (tmp_path / "fig4.png").read_bytes() == (report / "fig4.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["folder=nowhere"], "folder=nowhere: nothing has been measured there; run python -m experiments.paper first"),
        (["too=x"], "unknown option too: there are folder, storage, runs, to; did you mean to?"),
        (["runs=nowhere.parquet"], "nowhere.parquet: no table of runs"),
    ],
)
def test_bad_input_is_one_line(arguments, message, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error


def test_page_works_offline_in_a_browser():
    selenium = pytest.importorskip("selenium")
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium chromium-driver)")
    from selenium.webdriver.common.by import By

    page = ROOT / "experiments/report/report.html"
    assert "<link" not in page.read_text() and 'src="http' not in page.read_text()
    with browser(selenium) as driver:
        driver.get(page.as_uri())
        plots = driver.find_elements(By.CSS_SELECTOR, ".js-plotly-plot")
        assert {plot.get_attribute("id") for plot in plots} >= {"fig3", "fig4", "fig5", "fig7"}
        assert len(driver.find_elements(By.CSS_SELECTOR, "#fig7 .scatterlayer .trace")) == 3  # 150 epochs, 300 epochs, the paper
        table = next(one for one in driver.find_elements(By.TAG_NAME, "table") if "paper 39.66" in one.text)
        field = table.find_element(By.XPATH, "preceding-sibling::input[1]")
        field.send_keys("pieck-uea")
        shown = [row.text for row in table.find_elements(By.CSS_SELECTOR, "tbody tr") if row.is_displayed()]
        assert len(shown) == 2 and all(row.startswith("PIECK-UEA") for row in shown)
        field.clear()
        field.send_keys(" ")
        heads = table.find_elements(By.TAG_NAME, "th")
        heads[2].click()
        column = [row.find_elements(By.TAG_NAME, "td")[2].text for row in table.find_elements(By.CSS_SELECTOR, "tbody tr")]
        values = [float(cell.split()[0]) for cell in column]
        assert values == sorted(values, reverse=True)
        assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []


class browser:  # noqa: N801
    """A headless Chromium, for the time of a with statement."""

    def __init__(self, selenium):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        self.folder = tempfile.TemporaryDirectory()
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        quiet = ("disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync")
        for flag in ("headless", "no-sandbox", *quiet, "window-size=1400,1600", f"user-data-dir={self.folder.name}"):
            options.add_argument(f"--{flag}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))

    def __enter__(self):
        return self.driver

    def __exit__(self, *_):
        self.driver.quit()
        self.folder.cleanup()


def test_the_committed_report_is_what_its_runs_say(tmp_path):
    """And every cell outside tolerance is explained."""
    committed = ROOT / "experiments/report"
    assert main([f"runs={committed}/runs.parquet", f"to={tmp_path}"]) == 0
    for name in ("README.md", "report.html"):
        assert (tmp_path / name).read_text() == (committed / name).read_text()
    measured = Measured.of(pd.read_parquet(committed / "runs.parquet"))
    outside = [one for table in TABLES for one in comparisons(measured, table) if one.agrees is False]
    assert [one for one in outside if explanation(one) is None] == []
    assert all(any(known.applies(one) for one in outside) for known in EXPLANATIONS)
