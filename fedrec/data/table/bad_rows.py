"""Rows that hold no interaction: the first one ends the reading, or all are skipped and counted."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fedrec.data.table.sources import Source
from fedrec.data.table.values import EXPECTED

log = logging.getLogger(__name__)

MOST_SKIPPED = 0.01  # share of the rows


@dataclass
class BadRows:
    policy: Literal["error", "skip"]
    n_bad: int = field(init=False, default=0)
    first: str = field(init=False, default="")  # where, what was expected, what was found

    def take(
        self, source: Source, start: int, bad: Mapping[str, NDArray[np.bool_]], found: Mapping[str, object], names: Mapping[str, str]
    ) -> None:
        """Count the bad rows of a batch that begins at row `start`; bad [n] and found, its values, by role.

        Raises ValueError for the first one unless they are skipped.
        """
        rows = np.logical_or.reduce(list(bad.values()))
        if not rows.any():
            return
        if not self.first or self.policy == "error":
            row = int(rows.argmax())
            role = next(role for role, mask in bad.items() if mask[row])
            value = found[role][row].as_py()  # type: ignore[index]
            shown = "nothing" if value is None or not str(value).strip() else repr(str(value)[:80])
            self._tell(f"{source.place(start + row)}: column {names[role]}: expected {EXPECTED[role]}, found {shown}")
        self.n_bad += int(rows.sum())

    def take_broken(self, source: Source) -> None:
        """Count the rows of a part that could not be divided into columns."""
        if source.n_broken and (not self.first or self.policy == "error"):
            self._tell(source.first_broken())
        self.n_bad += source.n_broken

    def _tell(self, first: str) -> None:
        if self.policy == "error":
            raise ValueError(f"{first}; dataset.bad_rows=skip leaves such rows out")
        self.first = first

    def finish(self, n_rows: int) -> None:
        """Say how many of all rows were skipped. Raises ValueError if they are too many."""
        if self.n_bad > MOST_SKIPPED * n_rows:
            raise ValueError(
                f"dataset.bad_rows=skip skips {MOST_SKIPPED:.0%} of the rows at most, but {self.n_bad} of {n_rows} are bad; "
                f"the first: {self.first}"
            )
        if self.n_bad:
            log.warning("%d of %d rows are skipped, because they are bad; the first: %s", self.n_bad, n_rows, self.first)
