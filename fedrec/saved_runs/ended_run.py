"""A run that has ended in this process: the same as its files would say, without reading them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from fedrec.evaluation.evaluator import Evaluator
from fedrec.interfaces import Evaluation, Ids, RunInfo
from fedrec.saved_runs.measurements import exposure_columns, metric_columns
from fedrec.saved_runs.model_folder import save_model
from fedrec.saved_runs.run_files import EXPOSURE, METRICS
from fedrec.saved_runs.trained_model import TrainedModel
from fedrec.tracking.parquet_columns import write_columns

if TYPE_CHECKING:
    from fedrec.tracking.parquet_columns import Columns


class Experiment(Protocol):
    """What `fedrec.experiment.Experiment` tells of itself here."""

    @property
    def info(self) -> RunInfo: ...

    @property
    def evaluator(self) -> Evaluator: ...

    @property
    def evaluations(self) -> Sequence[Evaluation]: ...

    @property
    def ended(self) -> dict[str, Any]: ...


@dataclass
class EndedRun:
    """What the files of a run hold, in memory."""

    info: RunInfo
    metrics: "Columns"
    exposure: "Columns"
    trained: TrainedModel
    has_model: bool = True

    @classmethod
    def of(cls, run: Experiment) -> "EndedRun":
        columns = metric_columns(run.evaluations), exposure_columns(run.info, run.evaluations, run.evaluator)
        return cls(run.info, *columns, TrainedModel.of(run.evaluator))

    @property
    def item_ids(self) -> Ids:
        return self.info.item_ids

    @property
    def item_titles(self) -> Ids | None:
        return self.info.item_titles

    @property
    def user_ids(self) -> Ids:
        return self.info.user_ids

    def write(self) -> None:
        """Write the tables and, with `model.save=true`, the model to the run's folder. Raises ConfigError if that fails."""
        write_columns(self.info.folder / METRICS, [self.metrics])
        write_columns(self.info.folder / EXPOSURE, [self.exposure])
        if self.trained.model.save:
            save_model(self.trained, self.info)
