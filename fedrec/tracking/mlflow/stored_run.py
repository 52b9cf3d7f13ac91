"""One run in an MLflow store. Every method may be called again after it failed: it does not send twice what has arrived."""

import contextlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param
from mlflow.tracking import MlflowClient

from fedrec.tracking import delta_norm
from fedrec.tracking.mlflow.metric_files import Row
from fedrec.tracking.mlflow.open_store import open_experiment
from fedrec.tracking.mlflow.run_description import git_tags, metric_name, numbers

MOST_METRICS = 1000  # limits of MLflow for one batch
_MOST_PARAMETERS = 100
_CHECKOUT = Path(__file__).parents[3]


class StoredRun:
    """Writes the run that `MLflowTracker` describes. Opens no store before `setup`."""

    client: MlflowClient  # once `run_id` is set

    def __init__(self, description: Mapping[str, Any]) -> None:
        self.description = description
        self.run_id: str | None = None
        self._is_described = False

    def setup(self) -> str:
        """Open the store, make the run, log its parameters and data set, each once. Return the run's id."""
        if self.run_id is None:
            self.client, experiment = open_experiment(self.description)
            tags = {**git_tags(_CHECKOUT), **self.description["tags"]}
            self.run_id = self.client.create_run(experiment, tags=tags, run_name=self.description["run_name"]).info.run_id
        if not self._is_described:
            self._log_description(self.run_id)
            self._is_described = True
        return self.run_id

    def log_rows(self, rows: Sequence[Row]) -> None:
        """Log at most `MOST_METRICS` metrics."""
        metrics = [Metric(metric_name(row.metric), row.value, row.timestamp, row.round) for row in rows]
        self.client.log_batch(self.setup(), metrics=metrics)

    def log_snapshot(self, round: int, values: delta_norm.Floats, ids: delta_norm.Ids, ranks: delta_norm.Ranks, folder: Path) -> None:
        """Log the Delta-Norm [M] of one round as a table and as a picture, both written to `folder` first."""
        from PIL import Image

        table, picture = folder / f"round_{round:04d}.parquet", folder / f"round_{round:04d}.png"
        delta_norm.write_table(table, values, ids, ranks)
        delta_norm.write_picture(picture, {round: delta_norm.leading_ranks(values, ranks)}, len(ranks))
        for path in (table, picture):
            self.client.log_artifact(self.setup(), str(path), "delta_norm")
        with Image.open(picture) as image:
            self.client.log_image(self.setup(), image, key="delta_norm", step=round)

    def log_figure(self, strips: Mapping[int, delta_norm.Ranks], n_items: int, folder: Path) -> None:
        """Log one picture of all snapshots (Fig. 4), written to `folder` first."""
        picture = folder / "fig4.png"
        delta_norm.write_picture(picture, strips, n_items)
        self.client.log_artifact(self.setup(), str(picture), "delta_norm")

    def finish(self, status: str, summary: Mapping[str, Any], last_round: int, folder: Path) -> None:
        """Log the summary and end the run. MLflow has no status PRUNED: such a run ends as KILLED with the tag `state`."""
        run_id, now = self.setup(), int(time.time() * 1000)
        if summary:
            path = folder / "summary.json"
            path.write_text(json.dumps({**summary, "mlflow_run_id": run_id}, indent=2), encoding="utf-8")
            self.client.log_artifact(run_id, str(path))
        metrics = [Metric(name, value, now, last_round) for name, value in numbers(summary).items()]
        self.client.log_batch(run_id, metrics=metrics[:MOST_METRICS])
        if status == "PRUNED":
            self.client.set_tag(run_id, "state", status)
        self.client.set_terminated(run_id, "KILLED" if status == "PRUNED" else status)

    def give_up(self, status: str) -> None:
        """End a run that has not arrived whole, if the store allows it."""
        if self.run_id is not None:
            with contextlib.suppress(Exception):
                self.client.set_terminated(self.run_id, status)

    def _log_description(self, run_id: str) -> None:
        parameters = [Param(key, value) for key, value in self.description["parameters"].items()]
        for first in range(0, len(parameters), _MOST_PARAMETERS):
            self.client.log_batch(run_id, params=parameters[first : first + _MOST_PARAMETERS])
        dataset = DatasetInput(Dataset(**self.description["dataset"]), [InputTag("mlflow.data.context", "training")])
        self.client.log_inputs(run_id, [dataset])
