"""What a sweep leaves behind: a table on the terminal, its study as files, and the sweep's own run in MLflow."""

import logging
from collections.abc import Mapping
from pathlib import Path
from threading import Event, Thread
from typing import Any

from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Column, Table

from fedrec.config.validation import ConfigError
from fedrec.sweeps.mlflow_runs import MlflowRuns
from fedrec.sweeps.objectives import mean, standard_error
from fedrec.sweeps.pictures import draw
from fedrec.sweeps.stages import LABEL, PARENT, Stages
from fedrec.sweeps.study_storage import exclusive

log = logging.getLogger(__name__)
RESULTS = "optimization_results.yaml"  # the name that hydra-optuna-sweeper gives it
_COLUMNS = ("number", "value", "state", "datetime_start", "datetime_complete", "duration", "params", "user_attrs")
_PAUSE = 1.0  # seconds between two looks at the study


class Report:
    """`folder` is the sweep's own."""

    def __init__(self, stages: Stages, folder: Path, mlflow: MlflowRuns | None) -> None:
        self.stages, self.files = stages, folder / "study"
        self.files.mkdir(parents=True, exist_ok=True)
        self.mlflow = mlflow
        self.run_id = ""
        self.found: dict[str, Any] = {}  # what is written
        self._ended = Event()
        self._scribe = Thread(target=self._record_when_tuned, name="fedrec-report", daemon=True)

    def setup(self) -> None:
        """Make MLflow's tables if there are none, and start the sweep's run, or go on with it. Raises ConfigError if that fails."""
        self._scribe.start()
        if self.mlflow is None:
            return
        sweep, study = self.stages.sweep, self.stages.tuning.study
        try:
            with exclusive(sweep.address, "mlflow"):  # of several machines that start at once, the first one does it
                self.run_id = self.mlflow.setup(sweep.name, {"sweep": sweep.name}, study.user_attrs.get(PARENT))
                study.set_user_attr(PARENT, self.run_id)
        except RuntimeError as error:
            raise ConfigError(f"MLflow does not take the sweep: {error}") from None

    def write(self) -> None:
        """The table on the terminal; the study as files, which go to MLflow as well."""
        self._scribe.join()
        self.found = self.results()
        OmegaConf.save(OmegaConf.create(self.found), self.files / RESULTS)
        self._show(self.found)

    def end(self, status: str) -> None:
        """FINISHED, FAILED or KILLED."""
        self._ended.set()
        self._scribe.join()
        if self.mlflow is None or not self.run_id:
            return
        tags = {f"best/{name}": str(value) for name, value in self.found.get("best_params", {}).items()}  # parameters could not change
        rows = self.found.get("comparisons", {})
        metrics = {f"{label}/{name}": row[name] for label, row in rows.items() for name in ("ER", "HR")}
        try:
            self.mlflow.end(self.run_id, status, tags, metrics=metrics, folder=str(self.files) if self.found else None)
        except RuntimeError as error:
            log.warning(f"MLflow did not take the end of the sweep: {error}")

    def _record_when_tuned(self) -> None:
        """Table and pictures of the study, while the comparisons run."""
        while not self.stages.tuning.is_complete:
            if self._ended.wait(_PAUSE):
                return
        table = self.stages.tuning.study.trials_dataframe(_COLUMNS)
        mixed = table.select_dtypes("object").columns  # text and numbers, or texts of a few trials only
        table.astype(dict.fromkeys(mixed, "string")).to_parquet(self.files / "trials.parquet")
        draw(self.stages.tuning.study, list(self.stages.sweep.plan.objectives), self.files)

    def results(self) -> dict[str, Any]:
        """Keys as hydra-optuna-sweeper has them, and what the comparisons gave."""
        study, best = self.stages.tuning.study, self.stages.best()
        if len(study.directions) == 1:
            found: dict[str, Any] = {"best_params": best[0].params, "best_value": best[0].values[0]}
        else:
            found = {"solutions": [{"params": trial.params, "values": list(trial.values)} for trial in best]}
        states = [trial.state.name.lower() for trial in self.stages.tuning.counted()]
        return {
            "name": "optuna",
            **found,
            "study_name": study.study_name,
            "trials": {state: states.count(state) for state in sorted(set(states))},
            "comparisons": self._comparisons(),
        }

    def _comparisons(self) -> dict[str, dict[str, Any]]:
        """Label -> ER and HR on the test item, means over the fresh seeds."""
        labels = self.stages.queue_comparisons(self.stages.best())
        measured: dict[str, list[list[float]]] = {label: [] for label in labels}
        for trial in self.stages.comparisons.counted():
            if trial.user_attrs[LABEL] in measured and trial.values:
                measured[trial.user_attrs[LABEL]].append(trial.values)
        return {label: _summary([one[0] for one in runs], [one[1] for one in runs]) for label, runs in measured.items() if runs}

    def _show(self, results: Mapping[str, Any]) -> None:
        metric = self.stages.sweep.selection
        console = Console(soft_wrap=True)
        trials = ", ".join(f"{count} {state}" for state, count in results["trials"].items())
        console.print(f"study {results['study_name']}: {trials}")
        for number, trial in enumerate(self.stages.best()):
            parameters = self.stages.sweep.space.shown(trial.params)
            values = ", ".join(f"{value:.4f}" for value in trial.values)
            console.print(f"{'and' if number else 'best'} trial {trial.number}: {parameters} -> {values}")
        if results["comparisons"]:
            table = Table(
                Column("fresh seeds, test item", no_wrap=True),
                Column(f"ER@{metric.split('@')[1]}", justify="right"),
                Column(metric, justify="right"),
                Column("seeds", justify="right"),
            )
            for label, row in results["comparisons"].items():
                table.add_row(label, _percent(row, "ER"), _percent(row, "HR"), str(row["seeds"]))
            console.print(table)
        console.print(f"results: {self.files}")


def _summary(exposure: list[float], hits: list[float]) -> dict[str, Any]:
    row: dict[str, Any] = {"seeds": len(exposure)}
    for name, values in (("ER", exposure), ("HR", hits)):
        row |= {name: mean(values), f"{name}_stderr": standard_error(values)}
    return row


def _percent(row: Mapping[str, Any], name: str) -> str:
    error = row[f"{name}_stderr"]
    return f"{100 * row[name]:.2f}{f' ± {100 * error:.2f}' if error is not None else ''} %"
