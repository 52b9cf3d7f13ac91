"""The real command: help, a plan, bad input, what comes afterwards, and an audit that is killed and goes on."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from fedrec.auditing.audit_pages import write_pages
from tests.auditing.made_up_audits import made_up_audit
from tests.campaigns.killing import Killer
from tests.cli.program import ENVIRONMENT

COMMAND = (sys.executable, "-m", "fedrec.audit")
TINY = ("dataset=synthetic", "dataset.users=60", "dataset.items=80", "dataset.interactions=1200", "system.epochs=3", "evaluation.every=1")
SMALL = (*TINY, "attacks=popular,ipm", "defenses=median", "levels=0.2", "seeds=1", "budget=none", "workers=2")
CHECK = ("check", "audited", "--max-exposure", "0.05", "--accounts", "50")
TIMES = {"client_ms", "server_ms", "seconds", "date"}


def ended(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=ENVIRONMENT | environment, capture_output=True, text=True, timeout=600, check=False
    )


def untimed(told: Any) -> Any:
    """JSON without what depends on the machine's speed."""
    if isinstance(told, dict):
        return {name: untimed(value) for name, value in told.items() if name not in TIMES}
    return [untimed(one) for one in told] if isinstance(told, list) else told


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds `audited`, the folder of a made-up audit."""
    folder = tmp_path_factory.mktemp("audits")
    write_pages(made_up_audit(), folder / "audited")
    return folder


def test_help_fits_a_terminal(tmp_path: Path) -> None:
    told = ended(tmp_path, "dataset=nowhere", "--help", COLUMNS="80")
    lines = told.stdout.splitlines()
    assert told.returncode == 0 and told.stderr == ""
    assert len(lines) <= 50 and max(map(len, lines)) <= 80
    assert lines == [line.rstrip() for line in lines]


@pytest.mark.slow
def test_a_plan_stores_nothing(tmp_path: Path) -> None:
    told = ended(tmp_path, *SMALL, "--dry-run", COLUMNS="80")
    assert told.returncode == 0, told.stderr
    assert "2 attacks against 1 defense" in told.stdout and " runs " in told.stdout
    assert max(map(len, told.stdout.splitlines())) <= 80
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("dataset=synthetic", "attack.num_targets=1"),
            "error: attack.num_targets=1: an audit chooses attacks itself; attacks=A,B says among",
        ),
        (("dataset=synthetic", "sysem.epochs=3"), "error: unknown option sysem"),
        (("report", "nowhere"), "error: nowhere/audit.json: "),
        (("check", "audited"), "error: the following arguments are required: --max-exposure, --accounts"),
    ],
)
def test_bad_input_ends_in_a_line(tmp_path: Path, arguments: tuple[str, ...], line: str) -> None:
    told = ended(tmp_path, *arguments)
    assert (told.returncode, told.stdout, told.stderr.count("\n")) == (2, "", 1)
    assert told.stderr.startswith(line)
    assert not [*tmp_path.iterdir()]


def test_the_page_is_written_again(audited: Path) -> None:
    before = {path.name: path.read_bytes() for path in (audited / "audited").iterdir()}
    (audited / "audited/audit.html").unlink()
    told = ended(audited, "report", "audited")
    assert (told.returncode, told.stdout.splitlines()[0]) == (0, "audited/audit.html")
    assert {path.name: path.read_bytes() for path in (audited / "audited").iterdir()} == before


@pytest.mark.parametrize(
    ("defense", "status"), [((), 1), (("--defense", "flame"), 0), (("--defense", "recommended"), 0), (("--defense", "x"), 2)]
)
def test_a_gate_for_pipelines(audited: Path, defense: tuple[str, ...], status: int) -> None:
    told = ended(audited, *CHECK, *defense)
    assert told.returncode == status, told.stderr
    lines = [*told.stdout.splitlines(), *told.stderr.splitlines()]
    assert len(lines) == 1 and lines[0].startswith(("kept ", "exceeded ", "error: ")[status])


def test_a_gate_tells_a_ci_system(audited: Path) -> None:
    assert ended(audited, *CHECK, "--junit", "gate.xml").returncode == 1
    suite = ElementTree.parse(audited / "gate.xml").getroot()
    assert int(suite.attrib["failures"]) >= 1 and len(suite.findall("testcase")) == int(suite.attrib["tests"])
    assert ended(audited, *CHECK, "--junit", "nowhere/gate.xml").stderr == "error: nowhere/gate.xml: No such file or directory\n"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_audit_that_is_killed_goes_on_to_the_same_page(tmp_path: Path) -> None:
    (undisturbed := tmp_path / "undisturbed").mkdir()
    (killed := tmp_path / "killed").mkdir()
    killer = Killer((*COMMAND, *SMALL), undisturbed, {**ENVIRONMENT, "COLUMNS": "80"}, random.Random(0))
    killer.run()
    assert "page: multirun/audit/synthetic-mf/audit.html" in killer.log
    killer.folder = killed
    assert killer.run_and_kill(deaths=5) in (0, None) and killer.kills.total() >= 1
    killer.run()
    first, second = (
        json.loads((folder / "multirun/audit/synthetic-mf/audit.json").read_text(encoding="utf-8")) for folder in (undisturbed, killed)
    )
    assert untimed(first) == untimed(second)
    assert len(first["verdict"]) == 4 and len(first["runs"]) > 10
    assert not [*killed.rglob("worker_*")]
    told = ended(killed, *SMALL)  # nothing is left to be measured
    assert told.returncode == 0 and "ER@10" not in told.stderr
