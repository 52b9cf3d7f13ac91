"""Rows about the whole program, each in processes of its own: tracking, the main command, a sweep, memory."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import torch

from experiments.timing.rows import Row, data_folder, timed
from fedrec.config.compose import FOLDER
from fedrec.sweeps.trial_runs import SECONDS

ROOT = Path(__file__).parents[2]
TRACKED = ((), ("attack=pieck_uea", "defense=ours"), ("attack=pieck_uea", "defense=krum"))
SERVER_SIDE = sorted({path.stem for path in (FOLDER / "defense").glob("*.yaml")} - {"none", "ours"})


def tracking() -> Iterator[Row]:
    """Time the whole command with and without MLflow, 300 epochs; the store exists already."""
    for overrides in TRACKED:
        with tempfile.TemporaryDirectory() as folder:
            command(folder, "system.epochs=1")
            pairs = [(command(folder, "tracking=none", *overrides)[0], command(folder, *overrides)[0]) for _ in range(5)]
        without, tracked = (statistics.median(values) for values in zip(*pairs, strict=True))
        result = f"{100 * (tracked / without - 1):+.1f} % ({without:.1f} s -> {tracked:.1f} s)"
        name = f"tracking, 300 epochs, {' and '.join(overrides) or 'no attack'}"
        yield {"name": name, "slow_s": without, "fast_s": tracked, "result": result, "target": "<= 10 %"}


def main_command() -> Iterator[Row]:
    """Time `python -m fedrec.main attack=pieck_uea defense=ours` in a new folder: imports, data, a new MLflow store, pictures."""
    with tempfile.TemporaryDirectory() as folder:
        command(folder, "dataset=ml100k", "dataset.root=null", "system.epochs=1", "tracking=none")  # puts the download into the cache
        seconds, summary = command(folder, "dataset=ml100k", "dataset.root=null", "attack=pieck_uea", "defense=ours")
    result = f"{seconds:.1f} s, peak {summary['peak_memory_mb']:.0f} MB"
    yield {"name": "main command, ML-100K, everything included", "seconds": seconds, "result": result, "target": "aim 20 s"}


def memory() -> Iterator[Row]:
    """Measure the peak memory on Amazon Digital Music with 1,024 clients a round.

    `pieck_uea` and `ours` train until long after mining; every rule trains for at least a round.
    """
    yield peak("pieck_uea and ours", "< 1536 MB", "defense=ours", "system.epochs=6")
    for rule in (*SERVER_SIDE, "krum defense.scope=whole_update"):
        yield peak(rule, "< 1024 MB", *f"defense={rule}".split(), "system.epochs=1", "tracking=none", "evaluation.max_users=1000")


def peak(name: str, target: str, *overrides: str) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        az = ["attack=pieck_uea", f"dataset.root={data_folder()}/az", "system.clients_per_round=1024"]
        _, summary = command(folder, *az, *overrides)
    value = summary["peak_memory_mb"]
    return {"name": f"peak memory, AZ, {name}", "peak_memory_mb": value, "result": f"{value:.0f} MB", "target": target}


def sweep() -> Iterator[Row]:
    """Time a pruned defense sweep of 60 trials on ML-100K by two workers; the MLflow store exists already.

    `overhead` is the share of the workers' time that lies outside trials, from the start of the command to its end. `overhead_in_all`
    also counts what trials do beside their runs: they compose, report to the study and write their own run in MLflow.
    """
    with tempfile.TemporaryDirectory() as folder:
        command(folder, "system.epochs=1")
        options = ["sweep=defense", "hydra.sweeper.n_trials=60", "hydra.sweeper.n_jobs=2", "hydra.sweeper.study_name=tuned"]
        seconds = timed(partial(program, folder, "-m", *options))
        storage = optuna.storages.RDBStorage(f"sqlite:///{folder}/multirun/tuned/study.db")
        names = optuna.get_all_study_names(storage)
        trials = [trial for name in names for trial in optuna.load_study(study_name=name, storage=storage).get_trials()]
    inside = sum(trial.duration.total_seconds() for trial in trials if trial.duration)
    runs = sum(trial.user_attrs[SECONDS] for trial in trials)
    overhead, in_all = 1 - inside / 2 / seconds, 1 - runs / 2 / seconds
    result = f"{seconds / 60:.1f} min, overhead {100 * overhead:.1f} % (in all {100 * in_all:.1f} %)"
    row = {"name": "defense sweep, 60 trials, two workers", "seconds": seconds, "overhead": overhead, "overhead_in_all": in_all}
    yield {**row, "result": result, "target": "< 15 min, overhead <= 5 %"}


def command(folder: str, *overrides: str) -> tuple[float, dict[str, Any]]:
    """Return the seconds and the summary of the real program in a folder."""
    run = Path(folder) / f"run-{time.time_ns()}"
    seconds = timed(partial(program, folder, f"hydra.run.dir={run}", *overrides))
    return seconds, json.loads((run / "summary.json").read_text(encoding="utf-8"))


def program(folder: str, *arguments: str) -> None:
    """Run the real program in a folder, on ML-100K."""
    source = ["dataset=presplit", f"dataset.root={data_folder()}/ml-100k", f"threads={torch.get_num_threads()}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "fedrec.main", *source, *arguments], cwd=folder, env=environment, check=True, capture_output=True)
