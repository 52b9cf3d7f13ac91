"""`python -m fedrec.compare`, and `fedrec.compare` as a function."""

import importlib
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fedrec.compare as program
from fedrec.comparison.comparing import Comparison
from tests.cli.program import ENVIRONMENT
from tests.comparison.made_up_runs import run_folder, summary


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for number, (attack, defense, seed) in enumerate(itertools.product("ab", ("none", "[ours,krum]"), (0, 1))):
        run_folder(tmp_path / "runs" / str(number), summary(attack, defense, seed, 0.5 + seed / 10 - 0.3 * (defense != "none"), 0.6))
    return Path("runs")


def test_a_table_and_all_files(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--csv", "t.csv", "--markdown", "t.txt", "--latex", "t.tex", "--png", "t.png", "--scatter", "t.svg"]
    options = ["--by", "attack,defense", "--metric", "ER@10,HR@10", "--at", "best,near_best", "--against", "defense=none"]
    assert program.main([str(runs), *options, *files]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"ER@10 best +55\.0 ± 5\.0", printed) and "HR@10 near_best" in printed
    assert printed.splitlines()[-5:] == ["csv: t.csv", "markdown: t.txt", "latex: t.tex", "png: t.png", "scatter: t.svg"]
    assert all(Path(name).stat().st_size > 100 for name in files[1::2])


def test_values_that_are_lists(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main([str(runs), "--where", "defense=[ours,krum]", "--where", "attack=a,b"]) == 0
    printed = capsys.readouterr().out
    assert "25.0 ± 5.0" in printed and "55.0" not in printed


def test_what_is_imported_first_may_be_called(runs: Path) -> None:
    """Whether `fedrec.compare` is the module or the function is no question for its user."""
    module = importlib.import_module("fedrec.compare")
    compared = module(runs, by=["defense", "attack"], metric="ER@10")  # type: ignore[operator]
    assert isinstance(compared, Comparison) and list(compared.by) == ["defense", "attack"]


def test_help_fits_80_columns() -> None:
    command = [sys.executable, "-m", "fedrec.compare", "--help"]
    shown = subprocess.run(command, env={**ENVIRONMENT, "COLUMNS": "80"}, capture_output=True, encoding="utf-8", check=True).stdout
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.startswith("usage: python -m fedrec.compare SOURCE... [options]\n")


@pytest.mark.parametrize("arguments", [["--help"], ["nothing", "--png", "x.jpg"], []])
def test_mistakes_are_answered_before_anything_heavy_is_imported(arguments: list[str]) -> None:
    code = (
        "import sys, fedrec.compare\n"
        f"try: fedrec.compare.main({arguments!r})\n"
        "except SystemExit: pass\n"
        "print([name for name in ('numpy', 'pandas', 'torch', 'mlflow', 'matplotlib', 'scipy', 'hydra', 'rich') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, encoding="utf-8", check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_a_reader_that_goes_away(runs: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    result = subprocess.run(
        [sys.executable, "-m", "fedrec.compare", str(runs)], env=ENVIRONMENT, stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (result.returncode, result.stderr) == (1, b"")


def test_a_terminal_that_knows_no_such_sign(runs: Path) -> None:
    command = [sys.executable, "-m", "fedrec.compare", str(runs)]
    result = subprocess.run(command, env={**ENVIRONMENT, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=False)
    assert result.returncode == 0 and b"55.0 ? 5.0" in result.stdout
