"""What a sweep leaves behind: a table on the terminal, its study as files, and the sweep's own run in MLflow."""

import logging
import uuid
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from threading import Event, Thread
from typing import Any

from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Column, Table

from fedrec.config.validation import ConfigError
from fedrec.evaluation.epoch_selection import exposure_of
from fedrec.sweeps.mlflow_runs import RUN_ID, RUN_KEY, MlflowRuns
from fedrec.sweeps.objectives import HARM
from fedrec.sweeps.outcomes import summary
from fedrec.sweeps.pictures import draw
from fedrec.sweeps.search_space import in_one_line
from fedrec.sweeps.stages import LABEL, Stages
from fedrec.sweeps.study_storage import exclusive
from fedrec.sweeps.sweep_note import sweep_note
from fedrec.tracking.mlflow.notes import NOTE
from fedrec.tracking.mlflow.run_record import command

_COLUMNS = ("number", "value", "state", "datetime_start", "datetime_complete", "duration", "params", "user_attrs")
_PAUSE = 1.0  # seconds between two looks at the study

log = logging.getLogger(__name__)


class Report:
    """Writes what a sweep leaves behind."""

    def __init__(self, stages: Stages, folder: Path, mlflow: MlflowRuns | None) -> None:
        """`folder` is the sweep's own."""
        self.stages, self.files = stages, folder / "study"
        self.files.mkdir(parents=True, exist_ok=True)
        self.mlflow = mlflow
        self.run_id = ""
        self.found: dict[str, Any] = {}  # what `write` has written
        self._ended = Event()
        self._recorder = Thread(target=self._record_when_tuned, name="fedrec-report", daemon=True)

    def setup(self) -> None:
        """Start the sweep's run in MLflow, or continue it. Raises ConfigError if MLflow does not take it."""
        self._recorder.start()
        if self.mlflow is None:
            return
        self.mlflow.deliver()  # what a sweep that was killed has left
        sweep, study = self.stages.sweep, self.stages.tuning.study
        try:
            with exclusive(sweep.address, "mlflow"):  # machines that start at once share one run
                study.set_user_attr(RUN_KEY, study.user_attrs.get(RUN_KEY) or uuid.uuid4().hex)
                self.run_id = self.mlflow.setup(study.user_attrs[RUN_KEY], sweep.name, {"sweep": sweep.name})
                study.set_user_attr(RUN_ID, self.run_id)
        except RuntimeError as error:
            raise ConfigError(f"MLflow does not take the sweep: {error}") from None

    def write(self) -> None:
        """Write the results to a file and to the terminal."""
        self._recorder.join()
        self.found = self.results()
        OmegaConf.save(OmegaConf.create(self.found), self.files / "optimization_results.yaml")  # as hydra-optuna-sweeper names it
        self._show(self.found)

    def end(self, status: str) -> None:
        """End the sweep's run in MLflow as FINISHED, FAILED or KILLED, with the results and files that were written."""
        self._ended.set()
        self._recorder.join()
        if self.mlflow is None or not self.run_id:
            return
        best, rows = self.found.get("best_params", {}), self.found.get("comparisons", {})
        tags = {f"best/{name}": str(value) for name, value in best.items()}  # a longer sweep may change them, unlike MLflow's parameters
        study = self.stages.tuning
        harm = self.stages.sweep.harm
        tags[NOTE] = sweep_note(self.found, study.counted(), study.study.directions, harm)
        metrics = {f"{label}/{name}": row[name] for label, row in rows.items() for name in (harm, "HR")}
        try:
            self.mlflow.end(status, tags, {}, metrics, str(self.files) if self.found else None)
        except RuntimeError as error:
            log.warning(f"MLflow did not take the end of the sweep: {error}. To deliver it later: {command(self.files.parent)}")
        self.mlflow.deliver()  # what workers that died have left

    def results(self) -> dict[str, Any]:
        """Return the best trials, how many trials ended in which state, and the comparisons."""
        study, best = self.stages.tuning.study, self.stages.best()
        if len(study.directions) == 1:
            found: dict[str, Any] = {"best_params": best[0].params, "best_value": best[0].values[0]}
        else:
            found = {"solutions": [{"params": trial.params, "values": list(trial.values)} for trial in best]}
        states = dict(sorted(Counter(trial.state.name.lower() for trial in self.stages.tuning.counted()).items()))
        comparisons, trials = {}, self.stages.comparisons.counted()
        for label in self.stages.queue_comparisons(best):
            if runs := [trial.values for trial in trials if trial.values and trial.user_attrs[LABEL] == label]:
                columns = dict(
                    zip((self.stages.sweep.harm, "HR"), zip(*runs, strict=True), strict=True)
                )  # means over the fresh seeds, test item
                comparisons[label] = {"seeds": len(runs), **summary(columns)}
        return {"name": "optuna", **found, "study_name": study.study_name, "trials": states, "comparisons": comparisons}

    def _record_when_tuned(self) -> None:
        """Write table and pictures of the study as soon as all trials are over, while the comparisons run."""
        while not self.stages.tuning.is_complete:
            if self._ended.wait(_PAUSE):
                return
        table = self.stages.tuning.study.trials_dataframe(_COLUMNS)
        mixed = [name for name, kind in table.dtypes.items() if kind.name in ("object", "str")]  # text, numbers and nothing
        table.astype(dict.fromkeys(mixed, "string")).to_parquet(self.files / "trials.parquet")
        draw(self.stages.tuning.study, self.stages.sweep.objective.named(self.stages.sweep.harm), self.files)

    def _show(self, results: Mapping[str, Any]) -> None:
        metric, rule = self.stages.sweep.selection, self.stages.sweep.objective.objective
        console = Console(soft_wrap=True)
        trials = ", ".join(f"{count} {state}" for state, count in results["trials"].items())
        console.print(f"study {results['study_name']}: {trials}")
        for number, trial in enumerate(self.stages.best()):
            values = ", ".join(f"{value:.4f}" for value in trial.values)
            console.print(f"{'and' if number else 'best'} trial {trial.number}: {in_one_line(trial.params)} -> {values}")
        if results["comparisons"]:
            harm = exposure_of(metric) if (name := self.stages.sweep.harm) == HARM else name
            headings = ({"validation": harm, "exposed": "exposed"}.get(rule, f"{rule} {harm}"), metric, "seeds")
            table = Table(Column("fresh seeds, test item", no_wrap=True), *(Column(heading, justify="right") for heading in headings))
            for label, row in results["comparisons"].items():
                table.add_row(label, _percent(row, name), _percent(row, "HR"), str(row["seeds"]))
            console.print(table)
        console.print(f"results: {self.files}")


def _percent(row: Mapping[str, Any], name: str) -> str:
    error = row[f"{name}_stderr"]
    return f"{100 * row[name]:.2f}{f' ± {100 * error:.2f}' if error is not None else ''} %"
