"""Real processes train the model of the simulation, and go on when a node or the server is killed."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import fedrec
from tests.cli.program import ENVIRONMENT

pytest.importorskip("flwr", reason="flwr is not installed: pip install 'fedrec[flower]' in an environment of its own")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found in /proc")]

from fedrec.flower.server_app import GLOBAL_MODEL  # noqa: E402 - needs flwr
from tests.flower.test_launched_processes import launches, processes_with, wait_until  # noqa: E402

SMALL = ["dataset=synthetic", "dataset.users=60", "dataset.items=80", "dataset.interactions=900", "tracking=none", "system.epochs=3"]
ONE_ROUND = "system.clients_per_round=63"  # an epoch
SECONDS = 400  # for a whole run


def launch(folder: Path, *overrides: str) -> "subprocess.Popen[str]":
    """Start a real federation in a folder; what it tells goes into the file `told`."""
    command = [sys.executable, "-m", "fedrec.flower", *SMALL, *overrides, "folder=out"]
    with (folder / "told").open("a") as output:
        return subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=output, stderr=output, text=True)


def finished(folder: Path, *overrides: str) -> dict[str, torch.Tensor]:
    """Run a real federation to its end and return its global model."""
    process = launch(folder, *overrides)
    assert process.wait(SECONDS) == 0, (folder / "told").read_text()
    return load_file(folder / "out" / GLOBAL_MODEL)


def simulated(folder: Path, *overrides: str) -> dict[str, torch.Tensor]:
    fedrec.run([*SMALL, *overrides, "model.save=true"], folder=folder / "simulated", progress=False)
    return {name: value for name, value in load_file(folder / "simulated/model/model.safetensors").items() if name != "users"}


@pytest.mark.parametrize("options", ["model=mf attack=pieck_uea defense=ours", "model=ncf attack=pieck_uea defense=krum"])
def test_the_global_model_is_that_of_the_simulation(options: str, tmp_path: Path) -> None:
    overrides = [*options.split(), ONE_ROUND]
    found, wanted = finished(tmp_path, *overrides, "nodes=4"), simulated(tmp_path, *overrides)
    assert found.keys() == wanted.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, wanted[name], rtol=0, atol=1e-5)
    assert not launches(tmp_path)


def test_a_node_and_then_the_server_are_killed(tmp_path: Path) -> None:
    overrides = ["nodes=3", "system.clients_per_round=20", "round_timeout=20", "evaluation.every=3"]
    process, told = launch(tmp_path, *overrides), tmp_path / "told"
    wait_until(lambda: any((tmp_path / "out/checkpoints").glob("*/round_*")))
    (node,) = processes_with(tmp_path, "partition-id=2")
    os.kill(node, signal.SIGKILL)
    wait_until(lambda: bool(re.search(r"no reply in time from the nodes 2|node 2 has failed|nodes that are away: 2", told.read_text())))
    assert process.poll() is None  # the round goes on
    process.kill()
    process.wait()
    wait_until(lambda: not launches(tmp_path))
    finished(tmp_path, *overrides)
    assert re.search(r"the run goes on after round \d+", told.read_text())
    assert json.loads((tmp_path / "out/summary.json").read_text())["rounds"] == 9
