"""`python -m fedrec.recommend`: tables for people, files for programs, mistakes in a line."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from fedrec.recommend import main
from fedrec.saved_runs.result import load
from tests.cli.program import ENVIRONMENT, TINY, Ended, fedrec
from tests.cli.shop import SHORT, open_shop

Recommend = Callable[..., Ended]
OPTIONS = ("attack=pieck_uea", "attack.N=5", "attack.batches=1", "system.malicious_share=0.1", "model.save=true", "hydra.run.dir=run")


@pytest.fixture
def recommend(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Recommend:
    """The program in this process, on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: object) -> Ended:
        capsys.readouterr()
        try:
            status = main(list(map(str, arguments)))
        except SystemExit as error:
            status = int(str(error.code))
        return Ended(status, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def run_of_the_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on data whose users and items are called by text, and whose items have titles."""
    folder = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch:
        open_shop(folder, patch)
    ended = fedrec(folder, *SHORT, *OPTIONS, "tracking=none", 'attack.targets=["[bold]"]', "system.epochs=12")
    assert ended.returncode == 0, ended.stderr
    return folder / "run"


@pytest.fixture
def shop(run_of_the_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(run_of_the_shop, tmp_path / "run"))


@pytest.mark.slow
def test_the_real_commands_one_after_the_other(tmp_path: Path) -> None:
    """In an empty folder: a run, a table for two users, the lists of all."""
    assert fedrec(tmp_path, *TINY, *OPTIONS).returncode == 0

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "fedrec.recommend", "run", *arguments]
        ended = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=180, check=False)
        assert (ended.returncode, ended.stderr) == (0, "")
        return ended.stdout

    shown = run("--user", "7", "--user", "0", "-k", "3")
    assert re.findall(r"^user (\d+)", shown, re.MULTILINE) == ["7", "0"]
    assert max(map(len, shown.splitlines())) <= 80
    frame = load(tmp_path / "run").recommend([7, 0], 3)
    assert re.findall(r"^ +\d+ │ (\d+)", shown, re.MULTILINE) == list(map(str, frame["item"]))
    assert run("--all", "-k", "4", "--csv", "all.csv") == "lists of all users: all.csv\n"
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "all.csv", dtype={"score": "float32"}), load(tmp_path / "run").recommend(range(40), 4)
    )


def test_text_ids_and_titles(recommend: Recommend, shop: Path) -> None:
    ended = recommend(shop, "--user", "customer 7", "--user", "customer 12", "-k", 36)
    assert ended.returncode == 0, ended.stderr
    first, second = ended.stdout.split('user "customer 12"')
    assert first.startswith('user "customer 7"\n') and second.endswith("\n\n* target item\n")
    assert "of 36" not in ended.stdout
    assert "\n36 of 40: the user has trained on all other items" in recommend(shop, "--user", "customer 7", "-k", 40).stdout
    (row,) = [line for line in first.splitlines() if '"[bold]"' in line]
    assert "Loud" in row and row.rstrip().endswith("*")
    assert max(map(len, ended.stdout.splitlines())) <= 80
    frame = load(shop).recommend("customer 7", 40)
    assert list(frame) == ["rank", "item", "title", "score", "target"] and len(frame) == 36  # of 40; the user has four
    assert frame.loc[frame["target"], ["item", "title"]].values.tolist() == [["[bold]", "Loud"]]
    assert not {f"B{number:06d}" for number in range(7, 11)} & set(frame["item"])


@pytest.mark.parametrize("columns", [60, 80, 160])
def test_only_long_titles_are_cut_off(recommend: Recommend, shop: Path, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    pd.read_parquet(shop / "items.parquet").assign(title="\x1b[31m" + "a long title " * 20).to_parquet(shop / "items.parquet")
    _, *lines = recommend(shop, "--user", "customer 7", "-k", 36).stdout.splitlines()
    rows = [line.split("│") for line in lines if "│" in line]
    assert len(rows) == 36 and {len(row) for row in rows} == {5}
    assert max(map(len, lines)) <= columns and "\x1b" not in str(lines)
    assert {row[2].strip()[-1] for row in rows} == {"…"} and any(row[4].strip() == "*" for row in rows)
    frame = load(shop).recommend("customer 7", 36)
    assert [row[0].strip() for row in rows] == list(map(str, range(1, 37)))
    assert [row[1].strip().strip('"') for row in rows] == frame["item"].tolist()
    assert [float(row[3]) for row in rows] == pytest.approx(frame["score"].tolist(), rel=1e-3)


def test_files_hold_what_a_result_says(recommend: Recommend, shop: Path) -> None:
    ended = recommend(shop, "--all", "-k", 5, "--csv", "all.csv", "--parquet", "all.parquet")
    assert ended.stdout == "lists of all users: all.csv\nlists of all users: all.parquet\n"
    expected = load(shop).recommend([f"customer {user}" for user in range(30)], 5)
    pd.testing.assert_frame_equal(pd.read_parquet("all.parquet"), expected)
    pd.testing.assert_frame_equal(pd.read_csv("all.csv", dtype={"score": "float32", "item": str}), expected)
    assert recommend(shop, "--user", "customer 3", "--csv", "one.csv").stdout == "lists of 1 users: one.csv\n"
    assert pd.read_csv("one.csv")["user"].tolist() == ["customer 3"] * 10
    assert len(pd.read_csv("one.csv").query("item == 'B000005'")) == 0
    recommend(shop, "--user", "customer 3", "--csv", "one.csv", "--with-seen", "-k", 40)
    assert len(pd.read_csv("one.csv")) == 40


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--user", "customer 77"), 'there is no user "customer 77": the nearest ids are "customer 7", "customer 17", "customer 27"'),
        (("--user", "customer 7", "-k", "41"), "k = 41: must be a whole number from 1 to 40, the number of items"),
        (("--all", "--csv", "nowhere/all.csv"), "nowhere/all.csv: there is no folder nowhere"),
        (("--all", "--csv", "run"), "run: it is a folder"),
    ],
)
def test_mistakes_end_in_a_line(recommend: Recommend, shop: Path, arguments: tuple[str, ...], words: str) -> None:
    ended = recommend(shop, *arguments)
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", f"error: {words}\n")
    assert not list(shop.parent.glob("*.part"))


def test_a_disk_that_is_full(recommend: Recommend, shop: Path) -> None:
    for name in ("csv", "parquet"):
        (shop.parent / f"full.{name}.part").symlink_to("/dev/full")
        ended = recommend(shop, "--all", f"--{name}", f"full.{name}")
        assert (ended.returncode, ended.stderr) == (2, f"error: full.{name}: No space left on device\n")


def test_mistakes_are_found_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text('{"status": "FINISHED", "config": {}, "evaluations": 0, "final": null}')
    program = """
import sys
from fedrec.recommend import main
for arguments in (["."], [".", "--user", "1"], ["--help"], ["nowhere", "--user", "1"], [".", "--user", "1", "-k", "0"]):
    try:
        main(arguments)
    except SystemExit as ended:
        print(ended.code, {"torch", "pandas", "numpy", "pyarrow", "rich", "hydra"} & set(sys.modules), file=sys.stderr)
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    lines = ended.stderr.splitlines()
    assert [line for line in lines if not line.startswith("error: ")] == ["2 set()", "2 set()", "0 set()", "2 set()", "2 set()"]
    assert "the run did not save its model; a run with model.save=true does" in lines[2]
    assert max(map(len, ended.stdout.splitlines())) <= 80
