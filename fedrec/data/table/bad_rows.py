"""Rows that hold no interaction: the first one ends the reading, or all are skipped and counted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fedrec.data.table.source import Place, Source
from fedrec.data.table.values import EXPECTED

MOST_SKIPPED = 0.01  # share of the rows


@dataclass
class BadRows:
    policy: Literal["error", "skip"]
    n_bad: int = field(init=False, default=0)
    first: str = field(init=False, default="")  # where, what was expected, what was found

    def take(
        self, source: Source, start: int, bad: Mapping[str, NDArray[np.bool_]], found: Mapping[str, object], names: Mapping[str, str]
    ) -> None:
        """Count the bad rows of a batch that begins at row `start`, and those of its part that were broken; bad [n] and found, by role.

        Raises ValueError for the first one unless they are skipped.
        """
        rows = np.logical_or.reduce(list(bad.values()))
        self.n_bad += int(rows.sum())
        if self.first and self.policy == "skip":
            return
        first = [source.first_broken()] if source.n_broken else []
        if rows.any():
            row = int(rows.argmax())
            role = next(role for role, mask in bad.items() if mask[row])
            value = found[role][row].as_py()  # type: ignore[index]
            first.append((source.place(start + row), f"column {names[role]}: expected {EXPECTED[role]}, found {_shown(value)}"))
        if first:
            self._tell(*min(first))

    def take_broken(self, source: Source) -> None:
        """Count the rows of a part that could not be divided into columns."""
        self.n_bad += source.n_broken
        if source.n_broken and not self.first:
            self._tell(*source.first_broken())

    def _tell(self, place: Place, what: str) -> None:
        if self.policy == "error":
            raise ValueError(f"{place.name}: {what}; dataset.bad_rows=skip leaves such rows out")
        self.first = f"{place.name}: {what}"

    def finish(self, n_rows: int) -> None:
        """Raise ValueError if too many of all rows were skipped."""
        if self.n_bad > MOST_SKIPPED * n_rows:
            raise ValueError(
                f"dataset.bad_rows=skip skips {MOST_SKIPPED:.0%} of the rows at most, but {self.n_bad} of {n_rows} are bad; "
                f"the first: {self.first}"
            )


def _shown(value: object) -> str:
    """Return a value in an error, and why it may be wrong."""
    if value is None or not str(value).strip():
        return "nothing"
    hint = " (is a quote not closed? dataset.quote=false reads quotes as text)" if "\n" in str(value) else ""
    return f"{str(value)[:80]!r}{hint}"
