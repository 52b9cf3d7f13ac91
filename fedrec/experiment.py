"""One experiment: build the parts, train, evaluate, tell the callbacks, and leave a summary behind whatever happens."""

import contextlib
import ctypes
import json
import logging
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from fedrec.config.build import Checked
from fedrec.config.choices import recorded_choices
from fedrec.config.run_name import run_name
from fedrec.config.threads import crowding
from fedrec.config.validation import ConfigError
from fedrec.data.synthetic import Synthetic
from fedrec.data.table.table import Table
from fedrec.evaluation.epoch_selection import exposure_of, select
from fedrec.evaluation.evaluator import Evaluator
from fedrec.federation.system import System
from fedrec.interfaces import Callback, Dataset, Evaluation, Ids, Pruned, RunInfo, Split, Status
from fedrec.poisoning.prior_knowledge import reveal
from fedrec.poisoning.targets import choose_targets
from fedrec.randomness import generator
from fedrec.saved_runs.ended_run import EndedRun
from fedrec.saved_runs.run_files import SUMMARY, remove_earlier
from fedrec.tracking.id_maps import write_id_maps
from fedrec.tracking.mlflow.run_description import code_of, revision
from fedrec.tracking.results import show_results
from fedrec.tracking.run_progress import Progress

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)


@dataclass
class Experiment:
    """A federation that is ready to train, what measures it, and who watches it."""

    info: RunInfo
    system: System
    evaluator: Evaluator
    callbacks: Sequence[Callback]
    has_frame: bool = False  # the data were a DataFrame, which the configuration does not name
    evaluations: list[Evaluation] = field(default_factory=list)
    ended: dict[str, Any] = field(default_factory=dict)  # the summary, once the run has ended in whatever way
    unwritten: str = ""  # which file could not be written, and why
    seconds: dict[str, float] = field(default_factory=lambda: {"train": 0.0, "evaluate": 0.0, "track": 0.0})

    def train(self) -> dict[str, Any]:
        """Train and evaluate to the end; tell every callback how the run ended, whatever happened. Return the summary."""
        started = time.perf_counter()
        status: Status = "FAILED"
        try:
            remove_earlier(self.info.folder)
            write_id_maps(self.info)
            self._tell("on_run_start", self.info)
            self._rounds()
            status = "FINISHED"
        except Pruned:
            status = "PRUNED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            self._end(status, started)
        return self.ended

    def _rounds(self) -> None:
        for result in self.system.rounds():
            self.seconds["train"] += result.seconds
            self.evaluator.diagnostics.observe(result)
            self._tell("on_round_end", result)
            last = result.round == self.system.n_rounds
            if last or (result.ends_epoch and result.epoch % self.evaluator.every == 0):
                started = time.perf_counter()
                self.evaluations.append(Evaluation(result.round, result.epoch, self.evaluator.evaluate(), self.evaluator.exposures))
                self.seconds["evaluate"] += time.perf_counter() - started
                self._tell("on_evaluation", self.evaluations[-1])

    def _tell(self, event: str, value: object) -> None:
        started = time.perf_counter()
        for callback in self.callbacks:
            getattr(callback, event)(value)
        self.seconds["track"] += time.perf_counter() - started

    def _end(self, status: Status, started: float) -> None:
        """Write the summary, tell the callbacks how the run ended, and write the summary again with what they add.

        The first writing comes before waiting for MLflow, so that an interrupt or a full disk cannot lose the summary.
        """
        ended = time.perf_counter()
        self.seconds["total"] = ended - started  # without the callbacks' last work, which they cannot be told
        summary = self.ended = self.summary(status)
        self._write(summary)
        failure = ""
        try:
            failure = self._leave()
            for callback in self.callbacks:
                summary |= callback.on_run_end(status, summary)
        finally:
            now = time.perf_counter()
            self.seconds |= {"track": self.seconds["track"] + now - ended, "total": now - started}
            summary["seconds"] = self.rounded_seconds
            self.unwritten = self._write(summary) or failure

    def _write(self, summary: Mapping[str, Any]) -> str:
        """Write summary.json; return why that failed, or nothing."""
        part, path = self.info.folder / "summary.part", self.info.folder / SUMMARY
        try:
            part.write_text(json.dumps(summary, indent=2), encoding="utf-8")
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            return f"{path}: {error.strerror}"
        return ""

    def _leave(self) -> str:
        """Write the metrics, the exposures and perhaps the model; return why that failed, or nothing."""
        try:
            EndedRun.of(self).write()
        except ConfigError as error:
            return str(error)
        return ""

    def summary(self, status: Status) -> dict[str, Any]:
        """Return the content of summary.json. A reported evaluation is {round, epoch, metric: value}, or None if there is none."""
        peak = peak_memory()
        return {
            "name": run_name(self.info.config),  # choices, options that differ from the defaults, and seed
            "status": status,  # FINISHED, FAILED, KILLED or PRUNED
            "config": self.info.config,  # every option, and under `choices` the file that each group was filled from
            "dataset": dict(self.info.statistics),  # users, items, interactions; rate, interactions per user; sparsity in [0, 1]
            "data_checksum": self.info.data_checksum,  # of the split
            "code": code_of(revision()),  # commit of the checkout; nothing without one
            "data_frame": self.has_frame,  # true: a DataFrame of Python was the data, so the configuration alone cannot be run again
            "target_items": self.info.target_ids,  # as the data set names them
            "target_titles": self.info.target_titles,  # None if no title is known
            "malicious_clients": self.system.n_malicious,  # number
            "evaluations": len(self.evaluations),  # number
            "undefined": dict(self.info.undefined),  # metrics that are asked for and have no value in this run -> why
            **self.selected,  # `best`, `near_best`, `validation`, `peak`, `final`: reported metrics; `exposed`: share of evaluations
            "rounds": self.system.round,  # number of rounds finished
            "seconds": self.rounded_seconds,  # wall time in s: total, train, evaluate, track (all callbacks)
            "peak_memory_mb": peak and round(peak / 2**20, 1),  # of this process, in MiB; None where the system does not tell
            "mlflow_run_id": None,  # the tracker adds it, and `mlflow_uri`, the address of the store
        }

    @property
    def rounded_seconds(self) -> dict[str, float]:
        return {name: round(value, 3) for name, value in self.seconds.items()}

    @property
    def selected(self) -> dict[str, Any]:
        """What the run reports of its evaluations so far."""
        return select(self.evaluations, self.evaluator.selection, self.evaluator.exposed_above)

    @property
    def objective(self) -> float:
        """ER@K at the epoch that the validation item selects, or the test item without one; K is that of `evaluation.selection`."""
        selected = self.selected
        best = selected["validation"] or selected["best"]
        return float(best.get(exposure_of(self.evaluator.selection), math.nan))


def prepare(checked: Checked, folder: Path, callbacks: Sequence[Callback] | None = None, frame: "pd.DataFrame | None" = None) -> Experiment:
    """Load the data and build every part. `callbacks` take the place of the progress display, and `frame` that of a table's file.

    Raises ValueError if an option does not fit the data.
    """
    config = checked.config
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    elif reason := crowding(torch.get_num_threads()):
        log.warning("threads=null starts %d threads, but %s; threads=1 may be many times faster", torch.get_num_threads(), reason)
    device = choose_device(config.device)
    groups = ("tracking", "dataset", "model", "attack", "defense", "system", "evaluation")
    tracker, dataset, model, attack, defense, system, evaluator = (checked.parts[group].build() for group in groups)
    if frame is not None:
        read_from(dataset, frame)
    if isinstance(dataset, Synthetic):  # its size is known before anything is drawn
        system.require_countable(dataset.n_training)
        evaluator.require_countable(dataset.items)
    split = cast(Dataset, dataset).load(generator(config.seed, "split"))
    user_ids, item_ids = _ids(split.user_ids, split.train.n_users), _ids(split.item_ids, split.train.n_items)
    targets = choose_targets(attack.targets, attack.num_targets, split.train, item_ids, generator(config.seed, "attack/targets"))
    prior = reveal(attack.prior_wanted(), split.train, generator(config.seed, "attack/prior"), device)
    system.setup(split.train, model, attack, defense, targets, config.seed, device, prior)
    evaluator.setup(split, model, targets.tolist(), system, config.seed)
    resolved: Any = OmegaConf.to_container(config, resolve=True)
    run = resolved | {"choices": recorded_choices()}, folder, system.n_rounds, targets.tolist()
    info = RunInfo(*run, item_ids, split.item_titles, user_ids, **_facts(split), undefined=evaluator.undefined)
    shown: Sequence[Callback] = [Progress()] if callbacks is None else []
    watching = [one for one in (*shown, tracker, *(callbacks or ())) if one]
    return_freed_memory()
    return Experiment(info, system, evaluator, watching, has_frame=frame is not None)


def read_from(dataset: Any, frame: "pd.DataFrame") -> None:
    """Let dataset=table read a DataFrame. Raises ValueError if another data set is chosen, or a file as well."""
    if not isinstance(dataset, Table):
        raise ValueError(f"data gives a DataFrame, which dataset=table reads; {type(dataset).__name__} has data of its own")
    if dataset.path is not None:
        raise ValueError(f"data gives a DataFrame, and dataset.path the file {dataset.path}: give one of them")
    dataset.frame = frame


def _ids(ids: Ids | None, n: int) -> Ids:
    """Return the ids of n users or items, [n]: their numbers if the data set has no other names. Raises ValueError if these are not n."""
    if ids is not None and len(ids) != n:
        raise ValueError(f"the data set has {len(ids)} ids for {n} users or items")
    return np.arange(n) if ids is None else ids


def _facts(split: Split) -> dict[str, Any]:
    """Return what callbacks are told about the data."""
    return {
        "popularity": split.train.popularity(),
        "popularity_ranks": split.train.popularity_ranks(),
        "user_interactions": split.train.offsets.diff(),
        "statistics": split.statistics(),
        "data_checksum": split.checksum(),
    }


@contextlib.contextmanager
def _threads_put_back() -> Iterator[None]:
    """Leave torch's number of threads as it was: a program that runs experiments may also do other things."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


@_threads_put_back()
def run(checked: Checked, folder: Path, callbacks: Sequence[Callback] | None = None, frame: "pd.DataFrame | None" = None) -> Experiment:
    """Run the experiment of a checked configuration, leave its results in `folder`, and return it.

    `callbacks` are told what happens and may prune the run; nothing is shown then. Relative paths in options mean the folder that the
    command was given in, also if `hydra.job.chdir` has left it. A `frame` takes the place of the file of dataset=table.
    """
    try:
        with contextlib.chdir(HydraConfig.get().runtime.cwd if HydraConfig.initialized() else "."):
            experiment = prepare(checked, folder, callbacks, frame)
    except ValueError as error:  # an option does not fit the data, or the data itself is malformed
        raise ConfigError(str(error)) from error
    try:
        summary = experiment.train()
    except KeyboardInterrupt:
        if callbacks is None and experiment.ended:
            show_results(experiment.ended, folder)
        raise
    if callbacks is None:
        show_results(summary, folder)
    if experiment.unwritten:
        raise ConfigError(f"{experiment.unwritten}{'; the results stand above' * (callbacks is None)}")
    return experiment


def peak_memory() -> int | None:
    """Return the most memory that this process has held, in bytes; None where the system does not tell, as on Windows."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would also count what the parent held when it started this process
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 2**10
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 2**10)


def return_freed_memory() -> None:
    """Return to the system what the program has freed, where the C library can be told to, as on Linux.

    Preparing large data frees half of what it took, in pieces that the matrices of the rounds fit into badly.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def choose_device(name: str) -> torch.device:
    """Return a device by its name; `auto` is a GPU of CUDA if there is one, else the CPU. Raises ValueError if it is not there."""
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    device = torch.device(name if name != "auto" else "cuda" if n_gpus else "cpu")
    there = {"cpu": 1, "cuda": n_gpus, "mps": int(torch.backends.mps.is_available())}
    if (device.index or 0) >= there[device.type]:
        known = ", ".join(["device=auto", "device=cpu", *(f"device=cuda:{number}" for number in range(n_gpus))])
        raise ValueError(f"device = {name}: this machine has no such device; use {known}")
    return device
