"""The pages of the leaderboard, in text and in a browser."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from experiments.leaderboards.written import write
from tests.browser import browser
from tests.experiments.made_up_boards import NOBODY, field_of_four, row, run, table

FOREIGN = """<script>document.title = "taken"</script> <img src=x onerror="document.title = 'taken'"> **b** | [x](javascript:alert)"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("board")
    combined = [
        row("none", "none", 0, run(0, 0.5)),
        row("none", "[ours,median]", 0, run(0, 0.49)),
        row("none", "[ours,krum]", 0, run(0, 0.4)),
    ]
    for attack, targets in (("fade", NOBODY), ("pipa", (7,))):
        combined += [
            row(attack, "none", 0, run(0.9, 0.1, targets)),
            row(attack, "[ours,median]", 0, run(0.03, 0.48 + 0.01 * len(targets), targets)),
        ]
    combined += [row("none", "[ours,nnm]", 0, run(0, 0.49)), row(FOREIGN, "[ours,nnm]", 0, run(0.02, 0.49))]
    combined += [row("fade", "[ours,nnm]", 0, run(0, 0.48, NOBODY)), row("pipa", "[ours,nnm]", 0, run(0.01, 0.49))]
    rows = [{**one, "experiment": "leaderboard/combinations"} for one in combined]
    own = [row(FOREIGN, "none", 0, run(0.7, 0.5, machine=FOREIGN))]
    own += [row(attack, defense, 0, run(0.6, 0.5)) for defense in ("krum", "median") for attack in ("none", "pipa")]
    for one in (late := list(field_of_four())):
        if '"attack=fade", "defense=strong"' in one["point"]:
            kept = json.loads(one["result"])
            kept["final"]["HR@10"] -= 0.0099
            one["result"] = json.dumps(kept)
    shares = []
    for share, lost in (("0.01", 0.1), ("0.05", 0.3)):
        for attack, kept in (("none", 0.5), ("fade", 0.5 - lost)):
            told = row(attack, "none", 0, run(0, kept, NOBODY if attack == "fade" else (7,)), part="shares_ml100k")
            shares.append({**told, "point": told["point"].replace("[", f'["system.malicious_share={share}", ', 1)})
    told = write(table(*late, *field_of_four(model="ncf"), *own, *rows, *shares), to)
    assert told.endswith("leaderboard.html, 2 boards: 64 runs")
    return to


def test_the_text_says_which_models_have_how_many_seeds(tmp_path: Path) -> None:
    write(table(*field_of_four(seeds=3), *field_of_four(seeds=1, model="ncf")), tmp_path)
    assert "Seeds: ML-100K 3 (MF-FRS) and 1 (DL-FRS). " in " ".join((tmp_path / "README.md").read_text().split())


def test_the_text_says_what_is_worst_and_what_it_costs(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    (strong,) = [line for line in text.splitlines() if "| strong |" in line and "PIPA" in line][:1]
    worst = "2.0 | 2.0 ± 0.0 (PIPA) | 2.0 ± 0.0 (fade) | 2.0 ± 0.0 (PIPA) | 4.0 ± 0.0 (fade)"
    assert strong.startswith(f"| 1 | 1 | strong | {worst} | 49.5 ± 0.5 | 1.0 ± 0.0 | yes |")
    assert "| torn | 100.0 ± 0.0 diverged |" in text
    assert "Seeds: ML-100K 2, combinations of defenses up to 1." in " ".join(text.split())
    assert "| [ours,median] |  | 1.0 | 3.0 (PIPA) | 2.0 (fade) | 2 of 3 |" in text and "| [ours,krum] |" not in text
    assert re.search(r"\| \[ours,nnm\] \| \*\*yes\*\* \| 1.0 \| 2.0 \(.+\) \| 2.0 \(fade\) \| 3 of 3 \|", text)
    assert "| 1.0% | degradation | fade | 20.0 |" in text and "| fade | degradation | 20.0 | 60.0 |" in text
    assert (folder / "front_ml100k_mf.png").stat().st_size > 1000


def test_every_number_is_in_a_file(folder: Path) -> None:
    stand = pd.read_csv(folder / "standings.csv")
    assert stand.loc[(stand["defense"] == "cheap") & (stand["model"] == "mf"), "worst_exposure"].item() == pytest.approx(0.4)
    cells = pd.read_csv(folder / "cells.csv")
    assert cells.query("attack == 'fade' and defense == 'none' and model == 'mf' and seed == 0")["degradation"].item() == pytest.approx(0.4)
    assert cells.query("defense == 'torn' and attack == 'fade'")["diverged"].str.contains("nan").all()


def test_the_page_is_one_file_in_which_foreign_names_are_text(folder: Path) -> None:
    page = (folder / "leaderboard.html").read_text()
    assert "<link" not in page and 'src="' not in page and "<img" not in page and "<script>document" not in page
    assert 'href="javascript' not in page and page.count("<svg") == 2 and '<table class="coloured">' in page


def test_the_same_rows_give_the_same_files(folder: Path, tmp_path: Path) -> None:
    write(pd.read_parquet(folder / "runs.parquet"), tmp_path)
    assert all((tmp_path / name).read_bytes() == (folder / name).read_bytes() for name in ("README.md", "leaderboard.html", "cells.csv"))


def test_an_empty_table_gives_a_page(tmp_path: Path) -> None:
    assert write(table(), tmp_path).endswith("0 boards: 0 runs")


@pytest.mark.slow
def test_a_browser_sorts_filters_colours_and_chooses_boards(folder: Path) -> None:
    with browser() as driver:
        from selenium.webdriver.common.by import By
        from selenium.webdriver.support.ui import Select

        driver.get((folder / "leaderboard.html").as_uri())
        assert driver.title == "Leaderboard"
        standing = next(one for one in driver.find_elements(By.TAG_NAME, "table") if one.text.startswith("rank"))
        heads = [head.text for head in standing.find_elements(By.TAG_NAME, "th")]
        standing.find_elements(By.TAG_NAME, "th")[heads.index("worst of both")].click()
        column = [row.find_elements(By.TAG_NAME, "td")[heads.index("worst of both")].text for row in _rows(standing)]
        assert [float(text) for text in column] == sorted(map(float, column), reverse=True) and len(column) == 6
        field = standing.find_element(By.XPATH, "preceding-sibling::input[1]")
        field.send_keys("cheap")
        assert [row.find_elements(By.TAG_NAME, "td")[2].text for row in _rows(standing) if row.is_displayed()] == ["cheap"]
        shades = driver.find_elements(By.CSS_SELECTOR, "table.coloured td.coloured")
        assert {round(float(one.value_of_css_property("background-color").rstrip(")").split(",")[-1]), 2) for one in shades} > {0.0}
        board = Select(driver.find_element(By.ID, "board"))
        board.select_by_visible_text("ML-100K, DL-FRS")
        assert [head.text for head in driver.find_elements(By.TAG_NAME, "h2") if head.is_displayed()] == ["ML-100K, DL-FRS"]
        assert not standing.is_displayed()
        assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []


def _rows(standing):
    return standing.find_elements("css selector", "tbody tr")


def test_a_board_without_an_attack_gives_a_page(tmp_path: Path) -> None:
    assert write(table(row("none", "none", 0, run(0, 0.5))), tmp_path).endswith("1 board: 1 run")
