"""One run in an MLflow store. Every method may be called again after it failed: it does not send twice what has arrived."""

import contextlib
import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import starmap
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.store.tracking.dbmodels.models import SqlMetric
from mlflow.tracking import MlflowClient
from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError

from fedrec.tracking import delta_norm
from fedrec.tracking.mlflow.experiment_page import describe_experiment
from fedrec.tracking.mlflow.metric_files import Row
from fedrec.tracking.mlflow.notes import NOTE, PICTURE, is_ours, run_note
from fedrec.tracking.mlflow.open_store import KEY, find_run, open_experiment
from fedrec.tracking.mlflow.run_description import facts, metric_name, numbers
from fedrec.tracking.mlflow.run_record import Ending, command
from fedrec.tracking.trajectory import write_picture

MOST_METRICS = 1000  # limits of MLflow for one batch
_MOST_PARAMETERS = 100
DELIVERY = "delivery"  # tag: whether all of the run has arrived
_UNTOLD = {"exposure": "ER@10", "quality": "HR@10"}  # what earlier versions did not leave on disk
_IMAGES = "images"  # folder of the artifacts that `MlflowClient.log_image` makes


class StoredRun:
    """Writes the run that `MLflowTracker` describes. Opens no store before `setup`."""

    client: MlflowClient  # this and the next one once `run_id` is set
    experiment_id: str

    def __init__(self, description: Mapping[str, Any]) -> None:
        self.description = description
        self.run_id: str | None = None
        self._is_described = False
        self.about = {**_UNTOLD, **description["tags"], **description.get("about", {})}
        self._histories: dict[str, dict[int, float]] = {self.about[name]: {} for name in ("exposure", "quality")}
        self._pictured: set[int] | None = None  # rounds whose picture has arrived, once that is known

    def setup(self) -> str:
        """Open the store, find or make the run, log its parameters and data set. Return the run's id."""
        if self.run_id is None:
            self.client, experiment = open_experiment(self.description)
            self.experiment_id = experiment
            describe_experiment(self.client, experiment, self.about)
            self.run_id = find_run(self.client, experiment, self.description["key"]) or self._make(experiment)
        if not self._is_described:
            self._log_description(self.run_id)
            self._is_described = True
        return self.run_id

    def _make(self, experiment: str) -> str:
        missing = f"incomplete: {command(Path(self.description['folder']))} brings what is missing"
        tags = {**self.description["tags"], KEY: self.description["key"], DELIVERY: missing}
        made = self.client.create_run(experiment, self.description["started"], tags, self.description["run_name"])
        return str(made.info.run_id)

    def log_rows(self, rows: Sequence[Row]) -> None:
        """Log at most `MOST_METRICS` metrics.

        MLflow takes 60 us for each value, because it looks for the latest of every metric. So a database gets the values that are
        certainly not the latest directly, in a fifth of the time.
        """
        for row in rows:
            if row.metric in self._histories:
                self._histories[row.metric][row.round] = row.value
        run_id, engine = self.setup(), getattr(self.client._tracking_client.store, "engine", None)
        named = {row._replace(metric=metric_name(row.metric)) for row in rows}
        earlier = _earlier(named) if engine else set[Row]()  # a server has no engine
        self._log_batch(run_id, named - earlier)
        if not earlier or engine is None:
            return
        try:
            with engine.begin() as connection:
                connection.execute(insert(SqlMetric), [_columns(run_id, row) for row in earlier])
        except SQLAlchemyError:  # some have arrived before, and MLflow finds out which; or a later MLflow has other tables
            self._log_batch(run_id, earlier)

    def _log_batch(self, run_id: str, rows: Iterable[Row]) -> None:
        self.client.log_batch(run_id, [Metric(row.metric, row.value, row.timestamp, row.round) for row in sorted(rows)])

    def log_maps(self, paths: Sequence[Path]) -> None:
        """Log the maps of ids."""
        for path in paths:
            self.client.log_artifact(self.setup(), str(path))

    def log_snapshot(self, round: int, values: delta_norm.Floats, items: Any, ranks: delta_norm.Ranks) -> None:
        """Log the Delta-Norm [M] of one round as a table, with the items that `MetricFilesReader` reads, and as a picture."""
        from PIL import Image

        with TemporaryDirectory() as folder:
            table, picture = Path(folder, f"round_{round:04d}.parquet"), Path(folder, f"round_{round:04d}.png")
            delta_norm.write_table(table, values, items)
            delta_norm.write_picture(picture, {round: delta_norm.leading_ranks(values, ranks)}, len(ranks))
            self.client.log_artifacts(self.setup(), folder, "delta_norm")
            pictured, self._pictured = self._find_pictured(), None  # a picture whose sending fails may have arrived
            if round not in pictured:
                with Image.open(picture) as image:
                    self.client.log_image(self.setup(), image, key="delta_norm", step=round)
            self._pictured = pictured | {round}

    def log_figure(self, strips: Mapping[int, delta_norm.Ranks], n_items: int) -> None:
        """Log one picture of all snapshots (Fig. 4)."""
        with TemporaryDirectory() as folder:
            picture = Path(folder, "fig4.png")
            delta_norm.write_picture(picture, strips, n_items)
            self.client.log_artifact(self.setup(), str(picture), "delta_norm")

    def finish(self, ending: Ending, now: int) -> None:
        """Log summary and note, and end the run at `now`, in ms. MLflow has no status PRUNED: such a run is KILLED with the tag `state`."""
        run_id = self.setup()
        if ending.summary:
            self.client.log_text(run_id, json.dumps({**ending.summary, "mlflow_run_id": run_id}, indent=2), "summary.json")
        metrics = [Metric(name, value, now, 0) for name, value in numbers(ending.summary, self._histories).items()]
        tags = {**facts(ending.summary), DELIVERY: f"incomplete: {ending.lost}" if ending.lost else "complete"}
        if ending.summary and is_ours(self.client.get_run(run_id).data.tags.get(NOTE)):
            tags[NOTE] = run_note(run_id, {**ending.summary, "status": ending.status}, self.about, self._log_picture(run_id))
        if ending.status == "PRUNED":
            tags["state"] = ending.status
        self.client.log_batch(run_id, metrics, tags=list(starmap(RunTag, tags.items())))
        status = "FAILED" if ending.lost and ending.status == "FINISHED" else ending.status
        self.client.set_terminated(run_id, "KILLED" if status == "PRUNED" else status, now)

    def _log_picture(self, run_id: str) -> bool:
        """Log the picture of exposure and quality. Return whether there is one: a trial of a sweep has none, because it takes time."""
        histories = {name: history for name, history in self._histories.items() if len(history) > 1}
        if not histories or not self.description.get("is_pictured"):
            return False
        with TemporaryDirectory() as folder:
            write_picture(Path(folder, PICTURE), histories)
            self.client.log_artifact(run_id, str(Path(folder, PICTURE)))
        return True

    def give_up(self, ending: Ending) -> None:
        """End a run that has not arrived whole, if the store allows it. It is never FINISHED there, and its tag tells the reason."""
        if self.run_id is not None:
            with contextlib.suppress(Exception):
                self.client.set_terminated(self.run_id, "FAILED" if ending.status == "FINISHED" else "KILLED")

    def _find_pictured(self) -> set[int]:
        """Return the rounds whose picture has arrived, in an earlier delivery perhaps: MLflow would show it twice."""
        if self._pictured is not None:
            return self._pictured
        names = [file.path for file in self.client.list_artifacts(self.setup(), _IMAGES)]
        return {int(name.split("+step+")[1].split("+")[0]) for name in names if "+step+" in name}

    def _log_description(self, run_id: str) -> None:
        parameters = [Param(key, value) for key, value in self.description["parameters"].items()]
        for first in range(0, len(parameters), _MOST_PARAMETERS):
            self.client.log_batch(run_id, params=parameters[first : first + _MOST_PARAMETERS])
        dataset = DatasetInput(Dataset(**self.description["dataset"]), [InputTag("mlflow.data.context", "training")])
        self.client.log_inputs(run_id, [dataset])


def _earlier(rows: Collection[Row]) -> set[Row]:
    """Return the rows that are not the latest of their metric, but for those that SQL cannot hold as they are."""
    finite = sorted((row for row in rows if math.isfinite(row.value)), key=lambda row: (row.round, row.timestamp, row.value))
    return set(finite) - set({row.metric: row for row in finite}.values())


def _columns(run_id: str, row: Row) -> dict[str, Any]:
    key, value, step = row.metric, row.value, row.round
    return {"run_uuid": run_id, "key": key, "value": value, "timestamp": row.timestamp, "step": step, "is_nan": False}
