"""A folder with train.txt and test.txt, one line per user: "user item item ...", as the published code keeps its data sets.

train.txt has one line for each user, test.txt at most one. A line of test.txt has any number of items: LightGCN and NGCF publish splits
with several. Ids are any whole numbers of at most 18 digits. Users and items are numbered from 0 in ascending order of their ids, so ids
without gaps are the numbers themselves, and gaps change no result. An item that stands on a training line several times was met several
times: each counts.
"""

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from fedrec.data.raw_files import MOST_BYTES, Integers, RawFile, path_of, read_numbers
from fedrec.data.splitting import by_user, hold_out, latest
from fedrec.interfaces import Interactions, Split

log = logging.getLogger(__name__)

FILES = ("train.txt", "test.txt")


@dataclass(kw_only=True)
class Presplit:
    """root: the folder, whose name becomes the split's; validation: hold out one training item of each user, too.

    That item is the last of its line, or is drawn if the items of every line ascend: these were sorted by id (as in the published
    ML-1M), and their order tells nothing about time.
    """

    paper = "a split of one's own, in the format of PIECK's released code"

    root: str | None
    validation: bool

    n_items: int = field(init=False, default=0)  # as published: if the last number occurs, items that nobody has count, too

    def load(self, generator: Generator) -> Split:
        """Return the split; draw validation items at most. Raises ValueError that names file, line and what was expected."""
        if self.root is None:
            raise ValueError("dataset.root is missing: dataset=presplit needs dataset.root=FOLDER with train.txt and test.txt")
        folder = path_of(self.root, "dataset.root")
        if missing := [name for name in FILES if not (folder / name).exists()]:
            found = f"holds no {' and no '.join(missing)}" if folder.is_dir() else "is no folder"
            raise ValueError(f"dataset.root={self.root} {found}; dataset=presplit needs a folder with {' and '.join(FILES)}")
        train, test = _read(folder)
        user_ids, item_ids = _distinct(train.users), _distinct(np.concatenate([train.items, test.items]))
        if self.n_items == item_ids[-1] + 1:
            item_ids = np.arange(self.n_items)
        owners, items = np.searchsorted(user_ids, train.users.repeat(train.sizes)), np.searchsorted(item_ids, train.items)
        interactions, held = by_user(owners, items, len(user_ids), len(item_ids)), None
        testers = np.searchsorted(user_ids, test.users.repeat(test.sizes))
        held_out = by_user(testers, np.searchsorted(item_ids, test.items), len(user_ids), len(item_ids))
        _tell(folder, interactions, user_ids, item_ids)
        if self.validation:
            interactions, held = hold_out(interactions, _validation_positions(interactions, generator))
        return Split(folder.resolve().name, interactions, held_out, held, user_ids, item_ids)


def find_split(dataset: str, root: str | None, validation: bool, generator: Generator) -> Split | None:
    """Return the split under the name of a data set if `root` holds one, else None. Raises ValueError like `Presplit.load`."""
    if root is None or not all((path_of(root, "dataset.root") / name).is_file() for name in FILES):
        return None
    return replace(Presplit(root=root, validation=validation).load(generator), name=dataset)


def _distinct(ids: Integers) -> Integers:
    """Return the distinct ones of ids >= 0, ascending. `numpy.unique` takes a hundred times as long for a million of them.

    >>> _distinct(np.array([7, 0, 7, 3])).tolist()
    [0, 3, 7]
    """
    ordered = np.sort(ids)
    return ordered[np.diff(ordered, prepend=-1) > 0]


def _tell(folder: Path, train: Interactions, user_ids: Integers, item_ids: Integers) -> None:
    """Say what may be a mistake in the files, a line for each kind."""
    if user_ids[-1] >= len(user_ids) or item_ids[-1] >= len(item_ids):
        users, items = (f"{len(ids)} {name} (ids {ids[0]} to {ids[-1]})" for ids, name in ((user_ids, "users"), (item_ids, "items")))
        log.warning(
            "%s: the ids have gaps, so %s and %s are numbered anew; targets are named by the ids of the files", folder, users, items
        )
    if repeated := int((np.diff(np.sort(train.users.numpy() * train.n_items + train.items.numpy())) == 0).sum()):
        log.warning("%s: %d training items stand on the line of their user again; each counts as one more interaction", folder, repeated)


class _Lines:
    """L lines of a file: users [L], sizes [L], lines [L] (their numbers), items [I] one line after another."""

    def __init__(self, path: Path, expected: str) -> None:
        self.raw = RawFile.read(path, "dataset.root", MOST_BYTES)
        numbers, lines = read_numbers(self.raw, b"", expected)
        starts = np.flatnonzero(np.diff(lines, prepend=0))  # [L]
        self.lines, self.users, self.items = lines[starts], numbers[starts], np.delete(numbers, starts)
        self.sizes = np.diff(starts, append=len(numbers)) - 1

    def require(self, fine: NDArray[np.bool_], lines: Integers, expected: str) -> None:
        """Raise ValueError for the first of these lines that is not fine."""
        if not fine.all():
            raise self.raw.malformed(int(lines[fine.argmin()]), expected)


def _read(folder: Path) -> tuple[_Lines, _Lines]:
    """Return the lines of train.txt and test.txt. Raises ValueError if they do not make a split."""
    expected = "a user and one item or more, whole numbers", "a user and its test items, whole numbers"
    train, test = (_Lines(folder / name, words) for name, words in zip(FILES, expected, strict=True))
    train.require(train.sizes >= 1, train.lines, expected[0])
    for file in (train, test):
        is_first = np.isin(np.arange(len(file.users)), np.unique(file.users, return_index=True)[1])
        file.require(is_first, file.lines, "one line for each user")
    test.require(np.isin(test.users, train.users), test.lines, "a user who has a line in train.txt")
    if not len(test.items):
        raise test.raw.malformed(int(test.lines[0]), "a user with a test item somewhere in this file")
    return train, test


def _validation_positions(train: Interactions, generator: Generator) -> Tensor:
    """Return where the validation item stands of each user who has another one, ascending, [n]."""
    if ((train.items.diff() < 0) & (train.users.diff() == 0)).any():
        return latest(train)
    sizes = train.offsets.diff()
    drawn = train.offsets[:-1] + (torch.rand(len(sizes), dtype=torch.float64, generator=generator) * sizes).long()
    return drawn[sizes >= 2]
