"""The programs on other systems: one without Unix's own modules, as Windows is; a terminal that knows ASCII only; a pipe that is closed."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from experiments.paper import REPORTED
from tests.cli.program import ENVIRONMENT, ROOT, TINY

WITHOUT_UNIX = """
import os
import signal
import sys


class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in ("resource", "fcntl", "pwd", "grp", "termios"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Missing())
for module, names in ((os, "fork killpg setsid nice getuid geteuid getpgid setpgid"), (signal, "SIGKILL SIGHUP SIGALRM SIGPIPE SIGCHLD")):
    for name in names.split():
        delattr(module, name)
"""
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
SWEEP = ("-m", *TINY, "evaluation.every=3", "sweep=attack", "attack=pieck_uea", "attack.N=range(5,7)", "hydra.sweeper.n_jobs=1")


def run(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(
        command, cwd=folder, env=ENVIRONMENT | environment, capture_output=True, encoding="utf-8", timeout=180, check=False
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("fedrec.main", "--help"),
        ("fedrec.catalog", "--json"),
        ("fedrec.main", *TINY, "attack=pieck_uea", "attack.N=5"),
        pytest.param(("fedrec.main", *SWEEP, "sweep.seeds=1", "sweep.fresh_seeds=1"), marks=pytest.mark.slow),
        pytest.param(("experiments.paper", "--help"), marks=pytest.mark.slow),
        pytest.param(("experiments.report", "--help"), marks=pytest.mark.slow),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_without_what_only_unix_has(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_UNIX, encoding="utf-8")
    result = run(tmp_path, *arguments, PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]))
    assert result.returncode == 0, result.stderr
    assert result.stdout


@pytest.mark.slow
def test_a_run_on_a_terminal_that_knows_ascii_only(tmp_path: Path) -> None:
    result = run(tmp_path, "fedrec.main", *TINY, **ASCII)
    assert result.returncode == 0, result.stderr
    assert " ? 5 " in result.stdout  # a plus-minus sign
    (summary,) = tmp_path.rglob("summary.json")
    assert json.loads(summary.read_bytes())["status"] == "FINISHED"


@pytest.mark.slow
def test_a_report_is_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    runs = pd.read_parquet(REPORTED)
    runs = runs[runs["experiment"] == "paper/table5"].copy()
    runs["result"] = [json.dumps({**json.loads(result), "machine": "4 \N{MULTIPLICATION SIGN} 2 cores"}) for result in runs["result"]]
    runs.to_parquet(tmp_path / "runs.parquet")
    result = run(tmp_path, "experiments.report", "runs=runs.parquet", "to=ascii", **ASCII)
    assert result.returncode == 0, result.stderr
    assert run(tmp_path, "experiments.report", "runs=runs.parquet", "to=utf_8").returncode == 0
    for name in ("README.md", "report.html"):
        assert (tmp_path / "ascii" / name).read_bytes() == (tmp_path / "utf_8" / name).read_bytes()
    assert "4 \N{MULTIPLICATION SIGN} 2 cores" in (tmp_path / "ascii" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        ("fedrec.main --help", "fedrec trains a federated recommender system, attacks it and defends it."),
        ("fedrec.catalog --json", "{"),
        ("fedrec.catalog", ""),
        ("fedrec.main -sc install=bash", ""),
        ("fedrec.main --cfg job", "dataset:"),
    ],
)
@pytest.mark.parametrize("reader", ["head -n 1", pytest.param("true", marks=pytest.mark.slow)])
def test_output_that_nobody_reads_to_its_end(tmp_path: Path, arguments: str, first: str, reader: str) -> None:
    """A program that is done before its reader is gone ends with 0, else with 1; neither says anything."""
    script = f"{shlex.join([sys.executable, '-m', *arguments.split()])} | {reader}; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=180, check=False
    )
    assert result.returncode in (0, 1)
    assert result.stderr == ""
    assert reader == "true" or result.stdout.strip() == first
