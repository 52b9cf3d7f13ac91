"""Runs of the real program that are killed (SIGKILL) at random rounds and go on: nothing of their results differs by a bit."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow.tracking import MlflowClient

from fedrec.tracking import deliver
from tests.checkpoints.killed_program import EMBEDDINGS, KILL
from tests.cli.program import ENVIRONMENT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")]
N_KILLS = int(os.environ.get("FEDREC_TEST_KILLS", "2"))  # of each run; with 4 of them there are twenty in all
COMMAND = (sys.executable, "-m", "tests.checkpoints.killed_program")
DATA = ("dataset=synthetic", "dataset.users=200", "dataset.items=150", "dataset.interactions=4000")
SYSTEM = ("system.epochs=12", "system.clients_per_round=64", "checkpoint.every=1")  # 4 rounds in an epoch
TIMED = ("round_seconds", "seconds", "peak_memory_mb")  # how names of metrics begin that no two runs share
RUNS = [
    ("attack=pieck_uea", "attack.N=10", "defense=ours", "defense.N=5"),
    ("model=ncf", "attack=pipa", "attack.prior=popularity", "system.sampling=uniform"),
    ("attack=fedreca", "attack.prior=interactions", "defense=foolsgold", "evaluation.redraw_candidates=true", "evaluation.every=2"),
    ("model=ncf", "attack=pieck_ipe", "attack.N=10", "defense=[ours,krum]", "defense.N=5", "dataset.validation=true"),
    ("attack=bandwagon", "defense=hics", "evaluation.metrics=[ER,HR,mining,poison_share]", "evaluation.mined_sizes=[10]"),
]


def run(folder: Path, number: int, options: tuple[str, ...], kill: str = "") -> int:
    """Run the program in a folder of its own below `folder`, where it may kill itself; return its exit status."""
    command = [*COMMAND, *DATA, *SYSTEM, *options, f"hydra.run.dir=outputs/{number}", "tracking.snapshot_rounds=[3,9,30]"]
    with (folder / "log").open("a") as log:
        environment = {**ENVIRONMENT, KILL: kill}
        return subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log, timeout=300, check=False).returncode


def reported(folder: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return {name: value for name, value in summary.items() if name not in ("seconds", "peak_memory_mb", "mlflow_run_id", "mlflow_uri")}


def logged(folder: Path) -> Mapping[str, Any]:
    """Step and value of everything that the only finished run of a store holds, but for times. Others had no checkpoint when they ended."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("fedrec").experiment_id])
    (stored,) = (one for one in runs if one.info.status == "FINISHED")
    assert stored.data.tags["delivery"] == "complete"
    names = [name for name in stored.data.metrics if not name.startswith(TIMED)]
    told = {name: sorted((one.step, one.value) for one in client.get_metric_history(stored.info.run_id, name)) for name in names}
    for name, values in told.items():
        assert len({step for step, _ in values}) == len(values), name
    artifacts = {file.path for place in ("", "delta_norm") for file in client.list_artifacts(stored.info.run_id, place)}
    return {**told, "artifacts": artifacts}


@pytest.mark.parametrize("number", range(len(RUNS)), ids=lambda number: " ".join(RUNS[number]))
def test_campaign_on_runs_that_go_on(tmp_path: Path, number: int) -> None:
    drawing, options, kills = random.Random(number), RUNS[number], []
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir(), killed.mkdir()
    assert run(whole, 0, options) == 0
    for attempt in range(N_KILLS):
        kills.append(drawing.choice([f"round:{drawing.randint(2, 60 // N_KILLS)}", f"disk:{drawing.randint(1, 30 // N_KILLS)}"]))
        assert run(killed, attempt, options, kills[-1]) == -signal.SIGKILL, kills
    assert run(killed, N_KILLS, options) == 0, kills
    log = (killed / "log").read_text()
    assert "the run goes on after round" in log, kills
    last, undisturbed = killed / f"outputs/{N_KILLS}", whole / "outputs/0"
    found, expected = reported(last), reported(undisturbed)
    assert found == expected, kills
    ours, theirs = np.load(last / EMBEDDINGS), np.load(undisturbed / EMBEDDINGS)
    assert set(ours) == set(theirs)
    assert all(ours[name].tobytes() == theirs[name].tobytes() for name in ours), kills
    assert logged(killed) == logged(whole), kills
    assert deliver.main([str(killed)]) == 0  # what a process has left that wrote no checkpoint before it was killed
    assert logged(killed) == logged(whole), kills
    assert not (killed / "checkpoints").exists()
    assert not list(killed.rglob("*.lock"))
