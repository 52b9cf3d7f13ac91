"""What a run, a sweep, an interruption and a failure look like at 80 and 160 columns, and in a pipe."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.program import TINY, fedrec
from tests.cli.terminals import CODES, pieces, shown, started

ENDLESS = (*TINY, "system.epochs=1000000", "evaluation.every=10")
SWEEP = (*TINY, "attack=pieck_uea", "attack.N=5", "defense=none,ours", "seed=1,2", "-m")
WORDS = ("no defense, seed 1", "no defense, seed 2", "ours, seed 1", "ours, seed 2")
FAILS = (*TINY, "attack=pieck_uea", "attack.N=70,5", "-m")  # the first job, as soon as it has seen that there are 60 items
MISTAKE = "attack.N = 70: at most 59 of the 60 items can be mined"

pytestmark = pytest.mark.slow


def logs(folder: Path) -> dict[str, str]:
    """The log of each run below a folder, by the name of the run's folder."""
    return {path.parent.name: path.read_text() for path in folder.rglob("main.log")}


@pytest.mark.parametrize("columns", [60, 80, 160])
def test_a_run(tmp_path: Path, columns: int) -> None:
    program = started(tmp_path, columns, *TINY)
    seen = pieces(shown(program))
    assert program.exitstatus == 0
    bars = [piece for piece in seen if "round " in piece and " left" in piece]
    assert "round 0/3" in bars[0] and "round 3/3" in bars[-1] and "ER@10 " in bars[-1]
    assert all(piece.endswith(" left") for piece in bars)
    assert max(map(len, bars)) <= columns
    assert ("loss" in bars[-1]) == (columns >= 80)
    assert columns < 160 or ("rounds/s" in bars[-1] and "━" in bars[-1])
    told = " ".join(seen)
    assert "Without an attack, the target item reaches the top 10 of " in told and " left Without an attack, " in told
    assert seen.index(next(piece for piece in seen if piece.startswith("ER@10 "))) < seen.index(
        next(piece for piece in seen if piece.startswith("HR@10 "))
    )
    of_any_width = ("results: ", "warning: ", "3 rounds", "exposed: ")
    assert columns < 80 or max(len(piece) for piece in seen if not piece.startswith(of_any_width)) <= columns


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_a_terminal_without_colours(tmp_path: Path, environment: dict[str, str]) -> None:
    output = shown(started(tmp_path, 80, *TINY, **environment))
    assert not re.search(r"\x1b\[[\d;]*(?<![\d])(3|4|9)\d", output)
    if "TERM" in environment:
        assert not CODES.search(output)
        assert [piece[:9] for piece in pieces(output) if piece.startswith("round ")] == ["round 1/3", "round 2/3", "round 3/3"]


def test_a_run_in_a_pipe_and_its_log(tmp_path: Path) -> None:
    ended = fedrec(tmp_path, *TINY, "attack=pieck_uea", "attack.N=5", "tracking=mlflow")
    assert ended.returncode == 0
    assert not CODES.search(ended.stdout + ended.stderr)
    progress = [line for line in ended.stderr.splitlines() if not line.startswith("fedrec: ")]
    assert progress[0].startswith("data: 40 users, ") and [line[:9] for line in progress[1:]] == ["round 1/3", "round 2/3", "round 3/3"]
    warning, verdict, *table = ended.stdout.splitlines()
    assert warning.startswith("warning: HR@K: 40 of 40 users are ranked against fewer items")
    assert verdict.startswith("Under the attack pieck_uea and without a defense, the target item reaches the top 10 of ")
    (log,) = logs(tmp_path).values()
    assert not CODES.search(log)
    assert all(line in log for line in (*progress, warning.removeprefix("warning: "), verdict))
    assert all(line in log for line in table if not line.startswith("─"))


@pytest.mark.parametrize("columns", [80, 160])
def test_an_interrupted_run(tmp_path: Path, columns: int) -> None:
    program = started(tmp_path, columns, *ENDLESS)
    program.expect(r"ER@10 \d")
    program.sendintr()
    seen = pieces(shown(program))
    assert program.exitstatus == 130
    told = " ".join(seen)
    assert re.search(r"Interrupted after \d+ rounds: without an attack, the target item reaches the top 10 of ", told)
    assert "interrupted; what there is lies in " in told
    assert all(len(piece) <= columns for piece in seen if " left" in piece)
    (log,) = logs(tmp_path).values()
    assert "Interrupted after " in log and "[WARNING] - interrupted" in log


@pytest.mark.parametrize("columns", [80, 160])
def test_a_sweep(tmp_path: Path, columns: int) -> None:
    program = started(tmp_path, columns, *SWEEP)
    seen = pieces(shown(program))
    assert program.exitstatus == 0
    first = seen.index("4 jobs on synthetic: 2 defenses x 2 seeds")
    assert seen[first + 1] == "time: known when the first job is over" and re.fullmatch("folders: multirun/.*", seen[first + 2])
    for number, words in enumerate(WORDS):
        (line,) = [piece for piece in seen if piece.startswith(f"job {number} ({number + 1} of 4)")]
        assert re.fullmatch(rf"job {number} \({number + 1} of 4\) {words}{'; about [0-9:]+ left in all' if number else ''}", line)
        (result,) = [piece for piece in seen if piece.startswith(f"job {number} {words} ")]
        assert re.search(r"ER@10 +[\d.]+ %, near best +[\d.]+ %, HR@10 +[\d.]+ %, [\d.]+ s$", result)
        bars = [piece for piece in seen if f"job {number}  round " in piece]
        assert bars and all(piece.endswith(" left") and len(piece) <= columns for piece in bars)
    assert not any("HYDRA" in piece or piece.startswith("epoch ") for piece in seen)
    assert all("full_NDCG@20" in log and "round 3/3" in log for log in logs(tmp_path).values())


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_the_lines_of_a_sweep_in_a_pipe_name_their_job(tmp_path: Path, launcher: str) -> None:
    """Also where jobs run at the same time and Python writes each piece at once."""
    ended = fedrec(tmp_path, *SWEEP, f"hydra/launcher={launcher}", PYTHONUNBUFFERED="1")
    assert ended.returncode == 0
    assert not CODES.search(ended.stdout + ended.stderr)
    _, _, _, *progress = ended.stderr.splitlines()
    numbers = [re.match(r"job (\d)( \(\d of 4\)|: )", line) for line in progress]
    assert all(numbers) and {found[1] for found in numbers if found} == {"0", "1", "2", "3"}
    results = [line for line in ended.stdout.splitlines() if "near best" in line]
    assert sorted(line.partition("  ER@10")[0].strip() for line in results) == [
        f"job {number} {words}" for number, words in enumerate(WORDS)
    ]
    assert len({line.index("ER@10") for line in results}) == 1
    assert len(logs(tmp_path)) == 4


def test_a_sweep_like_an_earlier_one_knows_how_long_it_takes(tmp_path: Path) -> None:
    """Other seeds take as long; other options may not."""
    assert fedrec(tmp_path, *TINY, "attack=none", "seed=7").returncode == 0
    known, unknown = (fedrec(tmp_path, *TINY, swept, "-m").stderr.splitlines() for swept in ("seed=1,2", "model=mf,ncf"))
    assert re.fullmatch(r"time: about \d:\d\d:\d\d of training, one job after the other, by earlier runs here", known[1])
    assert unknown[1] == "time: known when the first job is over"


def test_a_run_is_compared_with_the_one_without_the_defense(tmp_path: Path) -> None:
    """That of the same seed, although it was a job of a sweep."""
    attacked = (*TINY, "attack=pieck_uea", "attack.N=5")
    fedrec(tmp_path, *attacked, "seed=1,2", "-m")
    ended = fedrec(tmp_path, *attacked, "defense=ours", "seed=2")
    (found,) = re.findall(r"^the run without the defense: (.*)$", ended.stdout, re.MULTILINE)
    (other,) = tmp_path.glob("multirun/*/*/1")
    best = json.loads((other / "summary.json").read_text())["best"]
    assert found == str(other)
    assert f" Without the defense it is {100 * best['ER@10']:.1f} %, and HR@10 is {100 * best['HR@10']:.1f} %." in ended.stdout


@pytest.mark.parametrize("columns", [80, 160, None])
def test_a_failing_job_is_named_at_once_and_the_others_go_on(tmp_path: Path, columns: int | None) -> None:
    if columns:
        program = started(tmp_path, columns, *FAILS)
        told = " ".join(pieces(shown(program)))
        status = program.exitstatus
    else:
        ended = fedrec(tmp_path, *FAILS)
        told, status = " ".join(ended.stderr.splitlines()), ended.returncode
    assert status == 2
    before, _, after = told.partition(f"job 0 (1 of 2) N=70: failed: {MISTAKE}")
    assert after.startswith(" job 1 (2 of 2) N=5") and after.endswith(f"error: {MISTAKE}") and "failed" not in before
    found = logs(tmp_path)
    assert f"[ERROR] - {MISTAKE}" in found["0"] and "ER@10" in found["1"]
