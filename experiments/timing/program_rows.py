"""Rows about the whole program, each in processes of its own and in wall time: tracking, the main command, a sweep, memory."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import torch

import fedrec
from experiments.timing.rows import PROGRAMS, Row, data_folder
from fedrec.conduct import prepare
from fedrec.config.build import check
from fedrec.sweeps.trial_runs import SECONDS

ROOT = Path(__file__).parents[2]
TRACKED = ((), ("attack=pieck_uea", "defense=ours"))
LARGEST = ("trimmed_mean", "bulyan", "foolsgold", "krum defense.scope=whole_update")  # those that hold most, one of each kind
EPOCHS = "system.epochs=150"  # of a run whose tracking is timed
TRIALS = 12  # of a sweep; with more its start would count for less


def tracking() -> Iterator[Row]:
    """Time training with and without MLflow, 150 epochs; the store exists already."""
    for overrides in TRACKED:
        with tempfile.TemporaryDirectory() as folder:
            command(folder, "system.epochs=1")
            pairs = [(command(folder, EPOCHS, "tracking=none", *overrides)[0], command(folder, EPOCHS, *overrides)[0]) for _ in range(2)]
        without, tracked = (statistics.median(values) for values in zip(*pairs, strict=True))
        result = f"{100 * (tracked / without - 1):+.1f} % ({without:.1f} s -> {tracked:.1f} s)"
        name = f"MLflow, 150 epochs, {' and '.join(overrides) or 'no attack'}"
        yield Row(PROGRAMS, name, (result, "<= 10 %"), {"without_s": without, "tracked_s": tracked})


def checkpoints() -> Iterator[Row]:
    """Train for longer than a minute, so that checkpoints are written by default, and compare their time with that of all else."""
    with tempfile.TemporaryDirectory() as folder:
        _, summary = command(folder, "system.epochs=4500", "evaluation.every=50", "tracking=none", *TRACKED[1])
    saving, total = summary["seconds"]["checkpoint"], summary["seconds"]["total"]
    result = f"{100 * saving / (total - saving):+.1f} % ({saving:.1f} s of {total:.0f} s)"
    yield Row(PROGRAMS, "checkpoints at the default, 4500 epochs", (result, "< 3 %"), {"checkpoint_s": saving, "total_s": total})


def python() -> Iterator[Row]:
    """Time `import fedrec` in a new process, and what `fedrec.run` adds to reading the data and training with the engine's parts."""
    ask = "import time; began = time.perf_counter(); import fedrec; print(time.perf_counter() - began)"
    answers = [
        subprocess.run([sys.executable, "-c", ask], check=True, capture_output=True, encoding="utf-8", cwd=ROOT).stdout for _ in range(5)
    ]
    importing = statistics.median(map(float, answers))
    yield Row(PROGRAMS, "import fedrec", (f"{importing:.3f} s", "0.1 s"), {"seconds": importing})
    options = ["dataset=presplit", f"dataset.root={data_folder()}/ml-100k", EPOCHS, "tracking=none", *TRACKED[1]]
    with tempfile.TemporaryDirectory() as folder:

        def parts() -> None:
            own = Path(tempfile.mkdtemp(dir=folder))
            prepare(check(fedrec.compose(*options)), own, ()).train()

        pairs = [(timed(parts), timed(partial(fedrec.run, options, progress=False, folder=f"{folder}/{place}"))) for place in range(4)]
    engine, called = (statistics.median(values[1:]) for values in zip(*pairs, strict=True))  # the first time, torch warms up
    result = f"{100 * (called / engine - 1):+.1f} % ({engine:.2f} s -> {called:.2f} s)"
    yield Row(PROGRAMS, "fedrec.run, 150 epochs, against the engine's parts", (result, "< 5 %"), {"engine_s": engine, "called_s": called})


def main_command() -> Iterator[Row]:
    """Time `python -m fedrec.main attack=pieck_uea defense=ours` in a new folder: imports, data, a new MLflow store, pictures."""
    with tempfile.TemporaryDirectory() as folder:
        command(folder, "dataset=ml100k", "dataset.root=null", "system.epochs=1", "tracking=none")  # puts the download into the cache
        seconds, summary = command(folder, "dataset=ml100k", "dataset.root=null", "attack=pieck_uea", "defense=ours")
    result = f"{seconds:.1f} s, peak {summary['peak_memory_mb']:.0f} MB"
    yield Row(PROGRAMS, "the README's first command with everything", (result, "20 s"), {"seconds": seconds})


def memory() -> Iterator[Row]:
    """Measure the peak memory on Amazon Digital Music with 1,024 clients a round.

    `ours` trains until long after mining, every other defense for at least a round.
    """
    with tempfile.TemporaryDirectory() as folder:
        for defense, epochs, target in (("ours", 6, "< 1536 MB"), *((rule, 1, "< 1024 MB") for rule in LARGEST)):
            options = ["attack=pieck_uea", f"dataset.root={data_folder()}/az", "system.clients_per_round=1024", f"system.epochs={epochs}"]
            _, summary = command(folder, *options, *f"defense={defense}".split(), "tracking=none", "evaluation.max_users=1000")
            peak = summary["peak_memory_mb"]
            yield Row(PROGRAMS, f"peak memory, AZ, PIECK-UEA, {defense}", (f"{peak:.0f} MB", target), {"peak_memory_mb": peak})


def sweep() -> Iterator[Row]:
    """Time a pruned defense sweep on ML-100K by two workers; the MLflow store exists already.

    `overhead` is the share of the workers' time that lies outside trials, from the start of the command to its end. `overhead_in_all`
    also counts what trials do beside their runs: they compose, report to the study and write their own run in MLflow.
    """
    with tempfile.TemporaryDirectory() as folder:
        command(folder, "system.epochs=1")
        options = ["sweep=defense", f"hydra.sweeper.n_trials={TRIALS}", "hydra.sweeper.n_jobs=2", "hydra.sweeper.study_name=tuned"]
        seconds = timed(partial(program, folder, "-m", *options))
        storage = optuna.storages.RDBStorage(f"sqlite:///{folder}/multirun/tuned/study.db")
        names = optuna.get_all_study_names(storage)
        trials = [trial for name in names for trial in optuna.load_study(study_name=name, storage=storage).get_trials()]
    inside = sum(trial.duration.total_seconds() for trial in trials if trial.duration)
    runs = sum(trial.user_attrs[SECONDS] for trial in trials)
    overhead, in_all = 1 - inside / 2 / seconds, 1 - runs / 2 / seconds
    result = f"{seconds:.0f} s, overhead {100 * overhead:.1f} % (in all {100 * in_all:.1f} %)"
    numbers = {"seconds": seconds, "overhead": overhead, "overhead_in_all": in_all}
    yield Row(PROGRAMS, f"defense sweep, {TRIALS} trials, two workers", (result, "overhead <= 5 %"), numbers)


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


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
