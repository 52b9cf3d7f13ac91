"""The matrix at the end of `-m`: what it counts, and that it never ends a sweep."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fedrec.comparison.sweep_end import show_jobs
from tests.cli.program import ENVIRONMENT, TINY, fedrec
from tests.comparison.made_up_runs import run_folder, summary

SWEEP = ("-m", *TINY, "attack.batches=1", "hydra.sweep.dir=runs")


def begun(folder: Path, at: float) -> Path:
    (folder / "multirun.yaml").touch()
    os.utime(folder / "multirun.yaml", (at, at))
    return folder


def test_jobs_of_an_earlier_sweep_in_the_folder_do_not_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_folder(tmp_path / "0", summary("a", "none", 0, 0.1, 0.5), ended=2000)
    run_folder(tmp_path / "1", summary("a", "none", 1, 0.3, 0.5), ended=500)
    show_jobs(begun(tmp_path, 1000))
    printed = capsys.readouterr().out
    assert "10.00" in printed and "Runs of one seed, without a standard error, in percent." in printed
    assert f"comparison: {tmp_path}/comparison.csv" in printed
    (row,) = csv.DictReader((tmp_path / "comparison.csv").open(encoding="utf-8"))
    assert row["seeds"] == "1" and float(row["best/ER@10"]) == 0.1 and "best/ER@10_p" not in row


def test_a_quiet_sweep_leaves_its_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_folder(tmp_path / "0", summary("a", "none", 0, 0.1, 0.5), ended=2000)
    show_jobs(begun(tmp_path, 1000), is_quiet=True)
    assert capsys.readouterr().out == "" and (tmp_path / "comparison.csv").exists()


def test_nothing_is_said_if_no_job_has_a_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show_jobs(begun(tmp_path, 1000))
    assert capsys.readouterr().out == ""


def test_trouble_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_folder(tmp_path / "0", summary("a", "none", 0, 0.1, 0.5, "FAILED"), ended=2000)
    show_jobs(begun(tmp_path, 1000))
    assert capsys.readouterr().out == f"no comparison of the jobs: no run is left to compare. 1 run is left out (1 FAILED): {tmp_path}/0.\n"
    show_jobs(tmp_path / "nothing")
    assert capsys.readouterr().out.count("\n") == 1


def test_a_full_disk_costs_the_file_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_folder(tmp_path / "0", summary("a", "none", 0, 0.1, 0.5), ended=2000)
    (tmp_path / "comparison.csv").symlink_to("/dev/full")
    show_jobs(begun(tmp_path, 1000))
    printed = capsys.readouterr().out
    assert "10.00" in printed
    assert printed.splitlines()[-1] == f"no comparison of the jobs: {tmp_path}/comparison.csv: No space left on device"


@pytest.mark.slow
def test_attacks_against_defenses(tmp_path: Path) -> None:
    """In a pipe, 80 columns wide: rows are defenses, columns attacks, and every number is the mean of two seeds."""
    result = fedrec(tmp_path, "-m", *TINY, "attack=pieck_ipe,pieck_uea", "defense=none,ours", "seed=0,1", "hydra.sweep.dir=runs")
    assert result.returncode == 0, result.stderr
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    shown = lines[next(place for place, line in enumerate(lines) if line.startswith("defense ")) :]
    assert max(map(len, shown[:-2])) <= 80
    assert shown[0].split() == ["defense", "pieck_ipe", "pieck_uea"]
    firsts = [line.split()[:3] for line in shown if line.startswith(("none", "ours"))]
    assert firsts == [["none", "ER@10", "best"], ["ours", "ER@10", "best"]]
    assert shown[-2:] == ["comparison: runs/comparison.csv", "tests, LaTeX, pictures: python -m fedrec.compare runs"]
    rows = {(row["defense"], row["attack"]): row for row in csv.DictReader((tmp_path / "runs/comparison.csv").open(encoding="utf-8"))}
    assert list(rows) == [("none", "pieck_ipe"), ("none", "pieck_uea"), ("ours", "pieck_ipe"), ("ours", "pieck_uea")]
    assert f"{100 * float(rows['ours', 'pieck_uea']['best/HR@10']):.1f}" in " ".join(shown)
    command = [sys.executable, "-m", "fedrec.compare", "runs", "--csv", "again.csv"]
    subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, check=True)
    for row in csv.DictReader((tmp_path / "again.csv").open(encoding="utf-8")):
        assert rows[row["defense"], row["attack"]]["best/ER@10"] == row["best/ER@10"]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_a_job_that_fails_is_a_line(tmp_path: Path, launcher: str) -> None:
    result = fedrec(tmp_path, *SWEEP, "attack=pieck_uea", "attack.N=5,500,6", f"hydra/launcher={launcher}")
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1] == "error: attack.N = 500: at most 59 of the 60 items can be mined"
    assert "1 run has left no summary.json and cannot be counted: runs/1." in result.stdout
    assert [row["attack.N"] for row in csv.DictReader((tmp_path / "runs/comparison.csv").open(encoding="utf-8"))] == ["5", "6"]


@pytest.mark.slow
def test_hydra_can_be_silenced_with_the_table(tmp_path: Path) -> None:
    result = fedrec(tmp_path, *SWEEP, "attack=pieck_uea", "seed=0,1", "hydra/hydra_logging=none")
    assert "comparison:" not in result.stdout and (tmp_path / "runs/comparison.csv").exists()


@pytest.mark.slow
def test_a_table_that_cannot_be_written_does_not_end_the_sweep(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/comparison.csv").mkdir()
    result = fedrec(tmp_path, *SWEEP, "attack=pieck_uea", "seed=0,1")
    assert result.returncode == 0, result.stderr
    assert "no comparison of the jobs: runs/comparison.csv: Is a directory" in result.stdout
