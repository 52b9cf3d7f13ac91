"""A run in hand: its summary, its metrics, the exposure of its targets and, if it saved its model, embeddings and recommendations.

    result = load("outputs/2026-11-27/20-15-00")     a run on disk; the model needs model.save=true
    Result.of(experiment)                             a run that has ended in this process

pandas and torch are imported when they are first needed.
"""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedrec.saved_runs.result_text import as_html, as_text
from fedrec.saved_runs.run_files import read_summary
from fedrec.saved_runs.saved_run import SavedRun

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from fedrec.interfaces import Ids
    from fedrec.saved_runs.ended_run import EndedRun, Experiment
    from fedrec.tracking.parquet_columns import Columns


class Result:
    """What a run has left. Errors are ValueErrors in one line."""

    folder: Path  # of the run
    summary: dict[str, Any]  # summary.json: status, best, near_best, peak, final, ...

    def __init__(self, folder: Path, summary: dict[str, Any], source: "SavedRun | EndedRun") -> None:
        self.folder, self.summary, self._source = folder, summary, source

    @classmethod
    def of(cls, experiment: "Experiment") -> "Result":
        """Return the result of a run that has ended in this process; its model need not be saved."""
        from fedrec.saved_runs.ended_run import EndedRun

        return cls(experiment.info.folder, experiment.ended, EndedRun.of(experiment))

    @property
    def config(self) -> dict[str, Any]:
        """Every option, and under `choices` the file that each group was filled from."""
        config: dict[str, Any] = self.summary["config"]
        return config

    @cached_property
    def metrics(self) -> "pd.DataFrame":
        """A row an evaluation: round, epoch, and a column a metric, ER@10 for instance."""
        return _frame(self._source.metrics)

    @cached_property
    def exposure(self) -> "pd.DataFrame":
        """A row a target item: item, title, popularity_rank, interactions, users, seen_by@K, best/ER@K, ..., final/ER@K."""
        return _frame(self._source.exposure)

    @cached_property
    def items(self) -> "pd.DataFrame":
        """The embeddings of the items [M, d], indexed by their ids. Raises ValueError if the run did not save its model."""
        return _embeddings("item", self._source.item_ids, self._source.trained.global_model.items)

    @cached_property
    def users(self) -> "pd.DataFrame":
        """The embeddings of the users [U, d], indexed by their ids; in a real federation they never leave the clients."""
        return _embeddings("user", self._source.user_ids, self._source.trained.users)

    def recommend(self, user: "int | str | Iterable[int | str]", k: int = 10, exclude_seen: bool = True) -> "pd.DataFrame":
        """Return the k items with the highest scores: rank, item, title if titles are known, score (a logit), and whether it is a target.

        `user` is an id of the data set, where 7 and "7" are the same; for several users a column `user` comes first. What a user trained
        on is left out unless `exclude_seen` is false, so a list may be shorter than k. Raises ValueError if a user does not exist, if k is
        below 1 or above the number of items, or if the run did not save its model.
        """
        from fedrec.saved_runs.recommending import recommend

        several = not isinstance(user, int | str) and isinstance(user, Iterable)
        found = recommend(self._source, list(user) if several else [user], k, exclude_seen)  # type: ignore[arg-type, list-item]
        return _frame(found if several else {name: values for name, values in found.items() if name != "user"})

    def __repr__(self) -> str:
        return as_text(self.folder, self.summary, self._source.has_model)

    def _repr_html_(self) -> str:
        return as_html(self.folder, self.summary, self._source.has_model)


def load(folder: "str | Path") -> Result:
    """Return what a run has left in its folder. Raises ValueError, one line, if it is no folder of a run or its summary is damaged."""
    return Result(Path(folder), read_summary(Path(folder)), SavedRun(Path(folder)))


def _frame(columns: "Columns") -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(dict(columns))


def _embeddings(name: str, ids: "Ids", embeddings: "Tensor") -> "pd.DataFrame":
    """Return a copy of embeddings [n, d] with columns e0, e1, ..., as the parquet files of the model have them."""
    import pandas as pd

    columns = [f"e{number}" for number in range(embeddings.shape[1])]
    return pd.DataFrame(embeddings.numpy(), index=pd.Index(ids, name=name), columns=columns, copy=True)
