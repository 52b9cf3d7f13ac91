"""What a sweep leaves behind: a table on the terminal, its study as files, and the sweep's own run in MLflow."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Column, Table

from fedrec.sweeps.mlflow_runs import MlflowRuns, runs_of
from fedrec.sweeps.pictures import draw
from fedrec.sweeps.plans import mean, standard_error
from fedrec.sweeps.shared_study import ERROR
from fedrec.sweeps.stages import LABEL, PARENT, Stages
from fedrec.sweeps.study_storage import exclusive

RESULTS = "optimization_results.yaml"  # the name that hydra-optuna-sweeper gives it


class Report:
    """`folder` is the sweep's own; `tracking` says whether and where MLflow is told."""

    def __init__(self, stages: Stages, folder: Path, tracking: DictConfig) -> None:
        self.stages, self.folder, self.tracking = stages, folder, tracking
        self.mlflow: MlflowRuns | None = None
        self.run_id = ""

    def begin(self) -> None:
        """Make MLflow's tables if there are none, and start the sweep's run, or go on with it."""
        study = self.stages.tuning
        with exclusive(self.stages.sweep.address, "mlflow"):  # of several machines that start at once, the first one does it
            self.mlflow = runs_of(self.tracking)
            if self.mlflow is None:
                return
            if known := study.study.user_attrs.get(PARENT):
                self.run_id = known
                self.mlflow.client.update_run(known, "RUNNING")
            else:
                self.run_id = self.mlflow.start(self.stages.sweep.name, None, {"sweep": self.stages.sweep.name})
                study.study.set_user_attr(PARENT, self.run_id)

    def write(self) -> None:
        """Files, pictures, MLflow, then the table."""
        files = self.folder / "study"
        files.mkdir(parents=True, exist_ok=True)
        results = self.results()
        OmegaConf.save(OmegaConf.create(results), files / RESULTS)
        self.stages.tuning.study.trials_dataframe().to_parquet(files / "trials.parquet")
        draw(self.stages.tuning.study, list(self.stages.sweep.plan.objectives), files)
        if self.mlflow is not None:
            best = self.stages.best()
            self.mlflow.log(self.run_id, best[0].params if len(best) == 1 else {}, _metrics(results["comparisons"]))
            self.mlflow.client.log_artifacts(self.run_id, str(files))
        self._show(results, files)

    def end(self, status: str) -> None:
        """FINISHED, FAILED or KILLED."""
        if self.mlflow is not None:
            self.mlflow.client.set_terminated(self.run_id, status)

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
            if trial.user_attrs[LABEL] in measured and ERROR not in trial.user_attrs:
                measured[trial.user_attrs[LABEL]].append(trial.values)
        return {label: _summary([one[0] for one in runs], [one[1] for one in runs]) for label, runs in measured.items() if runs}

    def _show(self, results: Mapping[str, Any], files: Path) -> None:
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
        console.print(f"results: {files}")


def _summary(exposure: list[float], hits: list[float]) -> dict[str, Any]:
    row: dict[str, Any] = {"seeds": len(exposure)}
    for name, values in (("ER", exposure), ("HR", hits)):
        row |= {name: mean(values), f"{name}_stderr": standard_error(values)}
    return row


def _percent(row: Mapping[str, Any], name: str) -> str:
    error = row[f"{name}_stderr"]
    return f"{100 * row[name]:.2f}{f' ± {100 * error:.2f}' if error is not None else ''} %"


def _metrics(comparisons: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    return {f"{label}/{name}": float(row[name]) for label, row in comparisons.items() for name in ("ER", "HR")}
