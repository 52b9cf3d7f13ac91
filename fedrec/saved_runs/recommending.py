"""Lists of items for users who are called by their ids, as columns."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from fedrec.config.validation import ConfigError
from fedrec.interfaces import Ids
from fedrec.saved_runs.named_users import find_users
from fedrec.saved_runs.trained_model import Recommended, TrainedModel

if TYPE_CHECKING:
    from fedrec.tracking.parquet_columns import Columns


class NamedModel(Protocol):
    """A trained model and the ids of its users and items."""

    @property
    def trained(self) -> TrainedModel: ...

    @property
    def user_ids(self) -> Ids: ...

    @property
    def item_ids(self) -> Ids: ...

    @property
    def item_titles(self) -> Ids | None: ...


def recommend(run: NamedModel, users: Sequence[int | str], k: int, exclude_seen: bool) -> "Columns":
    """Return the lists of users, in their order: user, rank, item, title if titles are known, score, target.

    Raises ConfigError if a user does not exist or k is out of range.
    """
    trained = run.trained
    require_length(k, len(trained.global_model.items))
    if not users:
        raise ConfigError("no user is named: lists are for one user at least")
    numbers = find_users(users, run.user_ids)
    found = list(trained.recommend(numbers, k, exclude_seen))
    lists = Recommended(*(np.concatenate(parts) for parts in zip(*((one.users, one.items, one.scores) for one in found), strict=True)))
    return _columns(run, lists, np.searchsorted(lists.users, numbers))


def recommend_to_all(run: NamedModel, k: int, exclude_seen: bool) -> "Iterator[Columns]":
    """Yield the lists of all users, a block at a time."""
    trained = run.trained
    require_length(k, len(trained.global_model.items))
    for lists in trained.recommend(np.arange(len(trained.users)), k, exclude_seen):
        yield _columns(run, lists, np.arange(len(lists.users)))


def require_length(k: int, n_items: int) -> None:
    """Raise ConfigError if a list cannot have k items."""
    if not isinstance(k, int | np.integer) or isinstance(k, bool) or not 1 <= k <= n_items:
        raise ConfigError(f"k = {k!r}: must be a whole number from 1 to {n_items}, the number of items")


def _columns(run: NamedModel, lists: Recommended, rows: NDArray[np.int64]) -> "Columns":
    """Return the lists in some rows, one after the other; an item that is -1 is none."""
    items, scores = lists.items[rows], lists.scores[rows]  # [n, k]
    there = items >= 0
    ranks = np.broadcast_to(np.arange(1, items.shape[1] + 1), items.shape)[there]
    numbers = items[there]
    titles = {} if run.item_titles is None else {"title": run.item_titles[numbers]}
    users = run.user_ids[lists.users[rows].repeat(there.sum(1))]
    named = {"user": users, "rank": ranks, "item": run.item_ids[numbers], **titles, "score": scores[there]}
    return {**named, "target": np.isin(numbers, run.trained.targets)}
