"""Bad input ends in one line that names the option, the value, what is allowed and the nearest valid name; exit status 2.

`bad_inputs.txt` is the corpus: a new kind of bad input is a new line there. What needs more than a command line and a file is below.
The default tests take every sixth line, and the slow tests the others.
"""

import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments import leaderboard, paper, report
from fedrec.audit import main as audit_main
from fedrec.catalog import main as catalog_main
from fedrec.compare import main as compare_main
from fedrec.config.compose import FOLDER
from fedrec.data.__main__ import main as data_main
from fedrec.flower.__main__ import main as flower_main
from fedrec.main import main as fedrec_main
from fedrec.recommend import main as recommend_main
from tests.cli.corpus import CORPUS, TEXT, Line
from tests.cli.program import BOUND_BY_PERMISSIONS, ENVIRONMENT, TINY, Ended, fedrec
from tests.config.test_options_table import SECTIONS, written

Program = Callable[..., Ended]

MAINS = {"fedrec.main": fedrec_main, "fedrec.compare": compare_main, "fedrec.recommend": recommend_main}
MAINS |= {"fedrec.catalog": catalog_main, "fedrec.data": data_main, "fedrec.audit": audit_main, "fedrec.flower": flower_main}
MAINS |= {"experiments.paper": paper.main, "experiments.report": report.main, "experiments.leaderboard": leaderboard.main}
PROGRESS = ("data: ", "round ")  # how lines begin that a run writes before it can know that it will fail
SAMPLE = random.Random(0).sample([line for line in CORPUS if line.status == 2], 10)


def one_line(ended: Ended | subprocess.CompletedProcess[str]) -> str:
    assert ended.returncode == 2, ended.stderr
    (line,) = [line for line in ended.stderr.splitlines() if not line.startswith(PROGRESS)]
    return line


def look(line: Line, ended: Ended | subprocess.CompletedProcess[str]) -> None:
    """Check what a command has left behind against its line of the corpus."""
    if line.status == 0:
        assert ended.returncode == 0, ended.stderr
        assert line.words.startswith("accepted: ")
        return
    words = r".*".join(map(re.escape, line.words.split(" ... ")))
    assert re.search(words, one_line(ended)), f"{ended.stderr}\nholds no {line.words}"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(line, marks=[pytest.mark.slow] * (place % 6 > 0), id=f"{line.what}: {line.command}"[:120])
        for place, line in enumerate(CORPUS)
    ],
)
def test_the_corpus(program: Program, tmp_path: Path, line: Line) -> None:
    line.prepare(tmp_path)
    module, arguments = line.call
    look(line, program(*arguments, main=MAINS[module]))
    summaries = [path for path in tmp_path.rglob("summary.json") if path.parent.name != "finished"]  # a fixture
    finished = [path for path in summaries if '"FINISHED"' in path.read_text(encoding="utf-8")]
    assert line.status == 0 or not [*finished, *tmp_path.rglob("study.db")]


@pytest.mark.parametrize(
    "line", [*SAMPLE[:4], *(pytest.param(line, marks=pytest.mark.slow) for line in SAMPLE[4:])], ids=lambda line: line.what
)
def test_a_sample_of_the_corpus_by_the_real_command(tmp_path: Path, line: Line) -> None:
    line.prepare(tmp_path)
    module, arguments = line.call
    command = [sys.executable, "-m", module, *arguments]
    look(line, subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=180, check=False))


def test_the_corpus_is_large_and_says_everything_once() -> None:
    assert len(CORPUS) >= 250
    assert len({(line.command, str(line.files)) for line in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("group", sorted(SECTIONS))
def test_every_option_has_a_bad_value(group: str) -> None:
    options = {option for _, option in written(group)} if group else {"seed", "device", "threads"}
    names = {f"{group}.{option}" if group else option for option in options}
    assert [name for name in sorted(names) if not re.search(rf"[ '\"+]{re.escape(name)}[=.]", TEXT)] == []


@pytest.mark.parametrize(
    ("value", "words"), [("[" * 400 + "]" * 400, "its values lie too deep in each other"), ("1" * 5000, "Exceeds the limit")]
)
def test_values_that_are_too_long_for_a_line_of_the_corpus(program: Program, value: str, words: str) -> None:
    line = one_line(program(*TINY, f"seed={value}"))
    assert line.startswith(f"error: seed={value[:40]}") and words in line


def test_a_traceback_on_request(tmp_path: Path) -> None:
    result = fedrec(tmp_path, *TINY, "seed=x", HYDRA_FULL_ERROR="1")
    assert result.returncode == 2
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("error: seed=x")


@pytest.mark.skipif(bool(BOUND_BY_PERMISSIONS) and not shutil.which("setpriv"), reason="permissions do not bind root")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["hydra.run.dir=read_only/run"], "read_only/run: Permission denied"),
        pytest.param(["tracking=mlflow", "tracking.uri=sqlite:///read_only/mlflow.db"], "/read_only is read-only", marks=pytest.mark.slow),
        (["tracking=mlflow", "tracking.uri=sqlite:///read_only.db"], "/read_only.db is read-only"),
        pytest.param(["dataset=ml100k", "dataset.cache=read_only"], "dataset.cache: cannot write", marks=pytest.mark.slow),
    ],
)
def test_a_place_that_is_read_only(tmp_path: Path, arguments: list[str], expected: str) -> None:
    (tmp_path / "read_only").mkdir(mode=0o500)
    (tmp_path / "read_only.db").touch(mode=0o400)
    data = () if "dataset=ml100k" in arguments else TINY
    assert expected in one_line(fedrec(tmp_path, *data, *arguments, bound=BOUND_BY_PERMISSIONS))


def test_two_defenses_of_the_same_half(program: Program, tmp_path: Path) -> None:
    """Two client-side defenses are an error in any job of a sweep. One that builds on another only sets its options; halves go together."""
    (tmp_path / "mine/defense").mkdir(parents=True)
    (tmp_path / "mine/defense/other.yaml").write_text("client:\n  other:\n    _target_: fedrec.defenses.ours.PopularityRegularizer\n")
    (tmp_path / "mine/defense/mine.yaml").write_text("defaults: [ours, _self_]\nbeta: 2.0\n")
    for choice in (["defense=[ours,other]"], ["-m", "defense=none,[ours,other]"]):
        line = one_line(program("--config-dir", "mine", *TINY, *choice))
        assert "defense=[ours,other]: ours and other are client-side defenses; list one of them" in line
    assert "(job 1 of the sweep: " in line
    result = program("--config-dir", "mine", *TINY, "defense=[ours,mine,norm_bound,median]")
    assert result.returncode == 0, result.stderr


def test_a_model_without_system_settings(program: Program, tmp_path: Path) -> None:
    (tmp_path / "mine/model").mkdir(parents=True)
    shutil.copy(FOLDER / "model/mf.yaml", tmp_path / "mine/model/mine.yaml")
    line = one_line(program("--config-dir", "mine", *TINY, "model=mine"))
    assert "there is no system/mine.yaml" in line
    assert "or choose system=lightgcn or system=mf or system=ncf" in line
    assert program("--config-dir", "mine", *TINY, "model=mine", "system=mf").returncode == 0


@pytest.mark.parametrize("arguments", [["attack=pieck_uea", "attack.N=5,0"], ["attack=pieck_uea,none", "attack.N=5"]])
def test_a_mistake_in_any_job_stops_a_sweep_before_the_first(program: Program, tmp_path: Path, arguments: list[str]) -> None:
    """Even if the launcher gets one job at a time."""
    line = one_line(program(*TINY, "--multirun", "attack.batches=1", "hydra.sweeper.max_batch_size=1", *arguments))
    assert "attack.N" in line
    assert "job 1 of the sweep: " in line
    assert not list(tmp_path.rglob("summary.json"))


def test_a_job_that_does_not_fit_the_data_leaves_the_others_alone(program: Program, tmp_path: Path) -> None:
    result = program(*TINY, "--multirun", "attack=pieck_uea", "attack.batches=1", "attack.N=5,500,6")
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1] == "error: attack.N = 500: at most 59 of the 60 items can be mined"
    assert sorted(path.parent.name for path in tmp_path.rglob("summary.json")) == ["0", "2"]


@pytest.mark.parametrize(("content", "expected"), [("0 1 2\n1 x\n", "train.txt:2: "), ("", "train.txt")])
def test_a_malformed_or_empty_file(program: Program, tmp_path: Path, content: str, expected: str) -> None:
    (tmp_path / "train.txt").write_text(content)
    (tmp_path / "test.txt").write_text("0 3\n1 3\n")
    assert expected in one_line(program("dataset=presplit", f"dataset.root={tmp_path}", "tracking=none"))
