"""One run in an MLflow store. Every method may be called again after it failed: what has arrived is not sent twice."""

import contextlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from fedrec.tracking import delta_norm
from fedrec.tracking.mlflow.run_record import git_tags, metric_name, numbers
from fedrec.tracking.mlflow.spool_reader import Row
from fedrec.tracking.mlflow.sqlite_creation import create_if_new

MOST_METRICS = 1000  # limits of MLflow for one batch
_MOST_PARAMETERS = 100
_opened: list[tuple[Path, int]] = []  # the latest SQLite file and its inode
_CHECKOUT = Path(__file__).parents[3]


class DeletedExperimentError(Exception):
    """MLflow keeps a deleted experiment for a while, but takes no runs for it."""


class MlflowStore:
    """`start` is what `MLflowTracker` tells of the run; nothing is opened before `begin`."""

    def __init__(self, start: Mapping[str, Any]) -> None:
        self.start = start
        self.run_id: str | None = None
        self._begun = False
        self._client: MlflowClient | None = None

    @property
    def client(self) -> MlflowClient:
        assert self._client is not None
        return self._client

    def begin(self) -> str:
        """Make the store if it is new, the experiment and the run; log parameters and data set; return the run's id."""
        if self._client is None:
            self._client, self._experiment = open_experiment(self.start)
        if self.run_id is None:
            tags = {**git_tags(_CHECKOUT), **self.start["tags"]}
            self.run_id = self.client.create_run(self._experiment, tags=tags, run_name=self.start["run_name"]).info.run_id
        if not self._begun:
            self._log_parameters(self.run_id)
            self._begun = True
        return self.run_id

    def log_rows(self, rows: Sequence[Row]) -> None:
        """At most 1000 metrics."""
        metrics = [Metric(metric_name(row.metric), row.value, row.timestamp, row.round) for row in rows]
        self.client.log_batch(self.begin(), metrics=metrics)

    def log_snapshot(self, round: int, values: delta_norm.Floats, ranks: delta_norm.Ranks, folder: Path) -> None:
        """Table and picture of one round, by way of `folder`."""
        from PIL import Image

        table, picture = folder / f"round_{round:04d}.parquet", folder / f"round_{round:04d}.png"
        delta_norm.write_table(table, values, ranks)
        delta_norm.write_picture(picture, {round: delta_norm.leading_ranks(values, ranks)}, len(ranks))
        for path in (table, picture):
            self.client.log_artifact(self.begin(), str(path), "delta_norm")
        with Image.open(picture) as image:
            self.client.log_image(self.begin(), image, key="delta_norm", step=round)

    def log_figure(self, strips: Mapping[int, delta_norm.Ranks], n_items: int, folder: Path) -> None:
        """The picture of all snapshots (Fig. 4)."""
        picture = folder / "fig4.png"
        delta_norm.write_picture(picture, strips, n_items)
        self.client.log_artifact(self.begin(), str(picture), "delta_norm")

    def finish(self, status: str, summary: Mapping[str, Any], last_round: int, folder: Path) -> None:
        """Log the summary and end the run; one that was pruned is killed for MLflow, and has the tag `state`."""
        run_id, now = self.begin(), int(time.time() * 1000)
        if summary:
            path = folder / "summary.json"
            path.write_text(json.dumps({**summary, "mlflow_run_id": run_id}, indent=2))
            self.client.log_artifact(run_id, str(path))
        metrics = [Metric(name, value, now, last_round) for name, value in numbers(summary).items()]
        self.client.log_batch(run_id, metrics=metrics[:MOST_METRICS])
        if status == "PRUNED":
            self.client.set_tag(run_id, "state", status)
        self.client.set_terminated(run_id, "KILLED" if status == "PRUNED" else status)

    def give_up(self, status: str) -> None:
        """End the run if the store lets us, though not everything has arrived."""
        if self.run_id is not None:
            with contextlib.suppress(Exception):
                self.client.set_terminated(self.run_id, status)

    def _log_parameters(self, run_id: str) -> None:
        parameters = [Param(key, value) for key, value in self.start["parameters"].items()]
        for first in range(0, len(parameters), _MOST_PARAMETERS):
            self.client.log_batch(run_id, params=parameters[first : first + _MOST_PARAMETERS])
        self.client.log_inputs(run_id, [DatasetInput(Dataset(**self.start["dataset"]), [InputTag("mlflow.data.context", "training")])])


def open_experiment(start: Mapping[str, Any]) -> tuple[MlflowClient, str]:
    """The store and the id of the experiment that `MlflowTracker` tells of; both are made if they are new."""
    if start["database"]:
        create_if_new(Path(start["database"]))
        _forget_other_files(Path(start["database"]))
    client, name = MlflowClient(start["uri"]), start["experiment"]
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        with contextlib.suppress(MlflowException):  # somebody else makes it at the same time
            client.create_experiment(name, artifact_location=start["artifact_location"])
        experiment = client.get_experiment_by_name(name)
        assert experiment is not None
    if experiment.lifecycle_stage != "active":
        raise DeletedExperimentError(f"the experiment {name} was deleted; restore it or choose another tracking.experiment")
    return client, str(experiment.experiment_id)


def _forget_other_files(database: Path) -> None:
    """MLflow keeps SQLite files open: let go of them if there is another one now, in the same place perhaps."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from mlflow.tracking._tracking_service.utils import _tracking_store_registry

    file = (database, database.stat().st_ino)
    if _opened and _opened[-1] != file:
        for engine in SqlAlchemyStore._engine_map.values():
            engine.dispose()
        SqlAlchemyStore._engine_map.clear()
        _tracking_store_registry._get_store_with_resolved_uri.cache_clear()
    _opened[:] = [file]


def is_hopeless(error: Exception) -> bool:
    """Whether trying again cannot help, for instance because somebody deleted the run."""
    if isinstance(error, MlflowException):
        return error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "PERMISSION_DENIED", "UNAUTHENTICATED")
    return isinstance(error, DeletedExperimentError)
