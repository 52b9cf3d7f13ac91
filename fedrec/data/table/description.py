"""What a table holds, in words and numbers: columns, users, items, long tail, and what one should know."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from rich.table import Column
from rich.table import Table as Counts
from torch import Generator

from fedrec.data.splitting import Numbers
from fedrec.data.table.log import Log
from fedrec.data.table.table import Table, untrained
from fedrec.interfaces import Ids

FEW = 5  # interactions: a user or an item with fewer tells a recommender little
UNITS = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}  # of times that are numbers
SHARES = (0.01, 0.15, 0.5)  # of the items, most popular first


def describe(table: Table) -> Iterator[str | Counts]:
    """Yield the lines of a description. Raises ValueError in one line if the table cannot be read."""
    found = table.examine()
    yield from found.remarks
    log, n = found.log, len(found.log.users)
    users, items = (np.sort(np.bincount(numbers))[::-1] for numbers in (log.users, log.items))
    yield _counts(users=(users, log.user_ids), items=(items, log.item_ids))
    yield f"interactions: {n:,}, sparsity {1 - n / (len(users) * len(items)):.2%}"
    head = items.cumsum() / n
    shares = (f"{head[max(1, int(share * len(items))) - 1]:.0%} with the top {share:.0%}" for share in SHARES)
    yield f"long tail: of the interactions, {', '.join(shares)} of the items"
    if log.times is not None:
        yield f"times: {_moment(log, log.times.min())} to {_moment(log, log.times.max())}"
    split = table.divide(found, Generator().manual_seed(0))
    testers = int((split.test.offsets.diff() > 0).sum())
    yield f"split: {len(split.train.items):,} interactions to train on, {len(split.test.items):,} test items of {testers:,} users"
    if n_cold := untrained(split):
        yield f"note: {n_cold:,} test items are of items that nobody trains on, so no model can know them"
    yield from _notes(log, users, items, len(users) - testers)


def _counts(**kinds: tuple[Numbers, Ids]) -> Counts:
    """Return a table of how many users and items there are, and how many interactions each has; the counts descend."""
    table = Counts("", *(Column(name, justify="right") for name in ("number", "least", "median", "most")), "for instance", box=None)
    for name, (counts, ids) in kinds.items():
        numbers = (f"{number:,}" for number in (len(counts), counts[-1], int(np.median(counts)), counts[0]))
        table.add_row(name, *numbers, ", ".join(map(str, ids[:3])))
    return table


def _moment(log: Log, time: float) -> str:
    """Return a time in words; a number that may be seconds since 1970, or finer units, also as a date."""
    if log.dates:
        return str(pd.Timestamp(int(time) * 1000))
    plain = f"{time:.0f}" if float(time).is_integer() else str(time)
    unit = next((unit for unit, size in UNITS.items() if 0.2e9 <= time / size < 4e9), None)  # 1976 to 2096
    return plain if unit is None else f"{plain} ({pd.Timestamp(int(time), unit=unit).date()} if in {unit})"


def _notes(log: Log, users: Numbers, items: Numbers, n_untested: int) -> Iterator[str]:
    """Yield what one should know before one believes a result."""
    if n_untested:
        yield f"note: {n_untested:,} of {len(users):,} users have no test item, so HR is a mean over the others"
    for name, counts in (("users", users), ("items", items)):
        if few := int((counts < FEW).sum()):
            yield f"note: {few:,} of {len(counts):,} {name} have fewer than {FEW} interactions (dataset.k_core={FEW} leaves them out)"
    if log.times is not None:
        pairs = pd.Series(log.times).groupby(log.users)
        tied = int((pairs.transform("max") == log.times).groupby(log.users).sum().gt(1).sum())
        if tied:
            yield f"note: {tied:,} of {len(users):,} users have several interactions at their latest time; the last in the file is tested"
