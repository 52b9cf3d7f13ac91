import io
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from fedrec.config.job_list import Job, JobList
from fedrec.interfaces import Evaluation
from fedrec.tracking.run_progress import Progress, headline
from tests.tracking.runs import info, result


def play(progress: Progress, folder: Path, n_rounds: int) -> None:
    progress.on_run_start(info(folder, n_rounds))
    for round in range(1, n_rounds + 1):
        progress.on_round_end(result(round))
        if round % 2 == 0 or round == n_rounds:
            progress.on_evaluation(Evaluation(round, round // 2, {"ER@5": 0.5, "ER@10": round / n_rounds, "HR@10": 0.25}))


@pytest.mark.parametrize("n_rounds", [41, 1200])
def test_plain_lines_without_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str], n_rounds: int) -> None:
    progress = Progress()
    play(progress, tmp_path, n_rounds)
    assert progress.on_run_end("FINISHED", {}) == {}
    said = capsys.readouterr()
    assert said.out == ""
    first, *lines = said.err.splitlines()
    assert first == "data: 9 users, 40 items, 90 interactions (10 per user, sparsity 50.00 %)"
    assert 10 <= len(lines) <= 20
    assert lines[-1].startswith(f"round {n_rounds}/{n_rounds}  loss {1 / n_rounds:.4f}  ER@10 1.0000  HR@10 0.2500  ")
    assert lines[-1].endswith(" rounds/s  0:00:00 left")


def test_a_job_of_a_sweep_shows_two_lines_and_its_log_has_them_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[str] = []
    monkeypatch.setattr("fedrec.tracking.run_progress.current_job", lambda: Job(3, JobList(0, ["3"], [""]), tmp_path))
    monkeypatch.setattr("fedrec.tracking.run_progress.write_to_file", logged.append)
    play(Progress(), tmp_path, 1200)
    shown = capsys.readouterr().err.splitlines()
    assert [line.partition("/")[0] for line in shown] == ["job 3: round 2", "job 3: round 642"]
    assert logged[0].startswith("data: ") and logged[-1].startswith("round 1200/1200") and 10 <= len(logged) <= 20


def test_a_run_that_goes_on_shows_the_rounds_to_come_and_their_speed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([100.0, 102.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(seconds))
    progress = Progress()
    progress.on_run_start(replace(info(tmp_path, 40), rounds_before=30))
    progress.on_evaluation(Evaluation(15, 15, {"HR@10": 0.25}))
    progress.on_evaluation(Evaluation(30, 30, {"HR@10": 0.5}))
    for round in range(31, 35):
        progress.on_round_end(result(round))
    progress.on_evaluation(Evaluation(34, 34, {"HR@10": 0.75}))
    _, line = capsys.readouterr().err.splitlines()
    assert line == "round 34/40  loss 0.0294  HR@10 0.7500  2.0 rounds/s  0:00:03 left"


def test_bar_on_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    progress = Progress()
    play(progress, tmp_path, 40)
    progress.on_run_end("KILLED", {})
    said = capsys.readouterr().err
    assert "round 40/40  loss 0.0250  ER@10 1.0000  HR@10 0.2500" in said
    assert "━" in said


@pytest.mark.parametrize(
    ("columns", "shown", "missing"),
    [
        (160, ("━", "round ", "loss ", "ER@10 ", "HR@10 ", "rounds/s"), ()),
        (80, ("━", "round ", "loss ", "ER@10 ", "HR@10 "), ("rounds/s",)),
        (72, ("round ", "loss ", "ER@10 ", "HR@10 "), ("━", "rounds/s")),
        (60, ("round ", "ER@10 ", "HR@10 "), ("loss ", "rounds/s", "━")),
        (40, ("━", "round "), ("ER@10 ", "loss ", "rounds/s")),
        (16, (), ("round ", "ER@10 ", "loss ", "rounds/s", "━")),
    ],
)
def test_the_time_left_is_the_last_to_go(tmp_path: Path, columns: int, shown: tuple[str, ...], missing: tuple[str, ...]) -> None:
    """The bar has what room is left. It goes before the speed, which goes before the loss and the metrics."""
    progress, file = Progress(), io.StringIO()
    play(progress, tmp_path, 1200)
    progress._started -= 1  # about a thousand rounds a second
    Console(file=file, width=columns, force_terminal=True, color_system=None).print(progress)
    (line,) = file.getvalue().splitlines()
    assert line.endswith("0:00:00 left") and len(line) <= columns
    assert all(text in line for text in shown)
    assert not any(text in line for text in missing)


def test_nothing_is_known_before_the_first_round(tmp_path: Path) -> None:
    progress, file = Progress(), io.StringIO()
    progress.on_run_start(info(tmp_path, 4))
    Console(file=file, width=40, force_terminal=True, color_system=None).print(progress)
    assert file.getvalue().endswith("round 0/4  0.0 rounds/s  ? left\n")


def test_end_before_the_start_is_harmless() -> None:
    assert Progress().on_run_end("FAILED", {}) == {}


def test_headline_takes_what_there_is() -> None:
    assert headline({"HR@20": 0.5, "full_HR@10": 0.75}) == "HR@20 0.5000"
    assert headline({}) == ""
