"""One experiment: train, evaluate, tell the callbacks, and leave a summary behind whatever happens."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fedrec.checkpoints.checkpointing import Checkpointing
from fedrec.config.run_name import run_name
from fedrec.config.validation import ConfigError
from fedrec.evaluation.degradation import degradation, ratio
from fedrec.evaluation.epoch_selection import exposure_of, select
from fedrec.evaluation.evaluator import Evaluator
from fedrec.federation.system import System
from fedrec.interfaces import Callback, Evaluation, Pruned, RunInfo, Status
from fedrec.resources import peak_memory
from fedrec.saved_runs.ended_run import EndedRun
from fedrec.saved_runs.run_files import SUMMARY, remove_earlier
from fedrec.tracking.id_maps import write_id_maps
from fedrec.tracking.mlflow.run_description import code_of, revision
from fedrec.tracking.verdict import verdict


@dataclass
class Experiment:
    """A federation that is ready to train, what measures it, and who watches it."""

    info: RunInfo
    system: System
    evaluator: Evaluator
    callbacks: Sequence[Callback]
    checkpoints: Checkpointing
    has_frame: bool = False  # the data were a DataFrame, which the configuration does not name
    evaluations: list[Evaluation] = field(default_factory=list)
    ended: dict[str, Any] = field(default_factory=dict)  # the summary, once the run has ended in whatever way
    unwritten: str = ""  # which file could not be written, and why
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("train", "evaluate", "track", "checkpoint", "total"), 0.0))
    _started: float = 0.0  # what the clock of the seconds would have shown if one process had done the whole run
    _peak_before: int = 0  # bytes that earlier processes of the run have held

    def train(self) -> dict[str, Any]:
        """Train and evaluate to the end; tell every callback how the run ended, whatever happened. Return the summary."""
        self._started = time.perf_counter() - self.seconds["total"]
        status: Status = "FAILED"
        try:
            remove_earlier(self.info.folder)
            write_id_maps(self.info)
            self._tell("on_run_start", self.info)
            for evaluation in self.evaluations:  # of earlier processes
                self._tell("on_evaluation", evaluation)
            self._rounds()
            status = "FINISHED"
        except Pruned:
            status = "PRUNED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            self._end(status)
        return self.ended

    def _rounds(self) -> None:
        self.checkpoints.begin(self.system.n_rounds, self.system.round)
        for result in self.system.rounds():
            self.seconds["train"] += result.seconds
            self.evaluator.diagnostics.observe(result)
            self._tell("on_round_end", result)
            last = result.round == self.system.n_rounds
            if last or (result.ends_epoch and result.epoch % self.evaluator.every == 0):
                started = time.perf_counter()
                measured = Evaluation(result.round, result.epoch, self.evaluator.evaluate(), self.evaluator.exposures)
                self.seconds["evaluate"] += time.perf_counter() - started
                if measured.metrics:  # else nobody has answered an evaluator that asks others
                    self.evaluations.append(measured)
                    self._tell("on_evaluation", measured)
            if result.ends_epoch and self.checkpoints.is_due(result.round, result.epoch):
                started = time.perf_counter()
                self.checkpoints.save(result.round, self.state_dict)
                self.seconds["checkpoint"] += time.perf_counter() - started

    def state_dict(self) -> dict[str, Any]:
        """Return all of the run that changes from round to round, for a checkpoint."""
        self.seconds["total"] = time.perf_counter() - self._started
        states = [(type(callback).__qualname__, dict(callback.state_dict())) for callback in self.callbacks]
        return {
            "system": self.system.state_dict(),
            "evaluator": self.evaluator.state_dict(),
            "callbacks": states,
            "evaluations": [(one.round, one.epoch, dict(one.metrics), dict(one.exposures)) for one in self.evaluations],
            "seconds": self.seconds,
            "peak_memory": self._peak_memory,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` returned, before `train`."""
        self.system.load_state_dict(state["system"])
        self.evaluator.load_state_dict(state["evaluator"])
        left = list(state["callbacks"])
        for callback in self.callbacks:
            own = next((one for one in left if one[0] == type(callback).__qualname__), None)
            if own is not None:
                left.remove(own)
                if own[1]:
                    callback.load_state_dict(own[1])
        self.evaluations = [Evaluation(*one) for one in state["evaluations"]]
        self.seconds, self._peak_before = dict(state["seconds"]), state["peak_memory"] or 0
        self.info = replace(self.info, rounds_before=self.system.round)

    def _tell(self, event: str, value: object) -> None:
        started = time.perf_counter()
        for callback in self.callbacks:
            getattr(callback, event)(value)
        self.seconds["track"] += time.perf_counter() - started

    def _end(self, status: Status) -> None:
        """Write the summary, tell the callbacks how the run ended, and write the summary again with what they add.

        The first writing comes before waiting for MLflow, so that an interrupt or a full disk cannot lose the summary.
        """
        ended = time.perf_counter()
        self.seconds["total"] = ended - self._started  # without the callbacks' last work, which they cannot be told
        summary = self.ended = self.summary(status)
        self._write(summary)
        failure = ""
        try:
            failure = self._leave()
            for callback in self.callbacks:
                summary |= callback.on_run_end(status, summary) or {}
        finally:
            now = time.perf_counter()
            self.seconds |= {"track": self.seconds["track"] + now - ended, "total": now - self._started}
            summary["seconds"] = self.rounded_seconds
            self.unwritten = self._write(summary) or failure
            self.checkpoints.end(status)

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
        peak = self._peak_memory
        summary = {
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
            "degradation": self._degradation if status == "FINISHED" else None,  # shares lost under an untargeted attack
            "rounds": self.system.round,  # number of rounds finished
            "seconds": self.rounded_seconds,  # wall time in s: total, train, evaluate, track (all callbacks), checkpoint
            "peak_memory_mb": peak and round(peak / 2**20, 1),  # of a process of this run, in MiB; None where the system does not tell
            "mlflow_run_id": None,  # the tracker adds it, and `mlflow_uri`, the address of the store
        }
        return {"verdict": verdict(summary), **summary}

    @property
    def _peak_memory(self) -> int | None:
        now = peak_memory()
        return now and max(now, self._peak_before)

    @property
    def rounded_seconds(self) -> dict[str, float]:
        return {name: round(value, 3) for name, value in self.seconds.items()}

    @property
    def selected(self) -> dict[str, Any]:
        """What the run reports of its evaluations so far."""
        return select(self.evaluations, self.evaluator.selection, self.evaluator.exposed_above)

    @property
    def _degradation(self) -> dict[str, Any] | None:
        """What the attack destroys at the best epoch, by metric, and `without`: the run without it, and what that reaches at its own."""
        if (other := self.info.without_attack) is None:
            return None
        clean = select(other.evaluations, self.evaluator.selection, self.evaluator.exposed_above)["best"]
        lost = degradation(self.selected["best"], clean)
        reached = {name: clean[name] for name in ("epoch", *lost)}
        return {**lost, "without": {"name": other.name, "folder": str(other.folder), **reached}}

    @property
    def objective(self) -> float:
        """ER@K at the epoch that the validation item selects, or the test item without one; K is that of `evaluation.selection`.

        Of an untargeted attack without target items, the share of the metric that selects which it destroys.
        """
        selected, selection = self.selected, self.evaluator.selection
        best = selected["validation"] or selected["best"]
        if (other := self.info.without_attack) is None or self.info.target_items:
            return float(best.get(exposure_of(selection), math.nan))
        name = f"validation_{selection}" if selected["validation"] else selection
        clean = max(one.metrics[name] for one in other.evaluations)
        return ratio(best[name], clean) if clean else math.nan
