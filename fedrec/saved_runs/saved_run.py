"""A run on disk, read as far as somebody asks. What reads tensors or tables is imported when it is first needed."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from fedrec.config.validation import ConfigError
from fedrec.saved_runs.run_files import DESCRIPTION, EXPOSURE, METRICS, MODEL
from fedrec.tracking.id_maps import ITEMS, USERS

if TYPE_CHECKING:
    from fedrec.interfaces import Ids
    from fedrec.saved_runs.trained_model import TrainedModel
    from fedrec.tracking.parquet_columns import Columns


@dataclass
class SavedRun:
    """The files in the folder of a run. What is missing or damaged is named in a ConfigError, in one line."""

    folder: Path

    @property
    def has_model(self) -> bool:
        """Whether the run has saved its model."""
        return (self.folder / MODEL / DESCRIPTION).is_file()

    @cached_property
    def trained(self) -> "TrainedModel":
        """The model, mapped into memory."""
        from fedrec.saved_runs.model_folder import open_model

        trained = open_model(self.folder)
        for name, ids, embeddings in ((ITEMS, self.item_ids, trained.global_model.items), (USERS, self.user_ids, trained.users)):
            if len(ids) != len(embeddings):
                raise ConfigError(f"{self.folder / name} names {len(ids)} rows, but {self.folder / MODEL} holds {len(embeddings)}")
        return trained

    @property
    def metrics(self) -> "Columns":
        return self._table(METRICS)

    @property
    def exposure(self) -> "Columns":
        return self._table(EXPOSURE)

    @property
    def item_ids(self) -> "Ids":
        return self._items["item"]

    @property
    def item_titles(self) -> "Ids | None":
        return self._items.get("title")

    @cached_property
    def user_ids(self) -> "Ids":
        return self._table(USERS, "user")["user"]

    @cached_property
    def _items(self) -> "Columns":
        return self._table(ITEMS, "item")

    def _table(self, name: str, *needed: str) -> "Columns":
        """Return the columns of a parquet file. Raises ConfigError if it is missing, damaged, or lacks a column that is needed."""
        from pyarrow import ArrowException, parquet

        path = self.folder / name
        if not path.is_file():
            raise ConfigError(f"{path} is missing: the run was made by an earlier version of fedrec, or the file was removed")
        try:
            table = parquet.read_table(path)
        except (OSError, ArrowException) as error:
            raise ConfigError(f"{path} is damaged: {str(error).splitlines()[0]}") from None
        if lacking := [column for column in needed if column not in table.column_names]:
            raise ConfigError(f"{path} is damaged: it lacks the column {lacking[0]}")
        return {column: table.column(column).to_numpy() for column in table.column_names}
