"""A folder with train.txt and test.txt, one line per user: "user item item ...", as the published code keeps its data sets.

train.txt has one line for each user 0..U-1, test.txt at most one; a test line has one item or, for a user without one, none.
"""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from fedrec.data.reading import RawFile, read_numbers
from fedrec.data.splitting import by_user, hold_out, latest
from fedrec.interfaces import Interactions, Split

log = logging.getLogger(__name__)

ITEM_LIMIT = 1_000_000  # item ids stay below this or a hundred times the interactions: nobody leaves such gaps on purpose


@dataclass(kw_only=True)
class Presplit:
    """root: the folder, whose name becomes the split's; validation: hold out one training item of each user, too.

    That item is the last of its line. Where the items of every line ascend they were sorted by id (as in the published ML-1M): the
    order tells nothing about time, and the validation item is drawn.
    """

    paper = "a split of one's own, in the format of PIECK's released code"

    root: str | None
    validation: bool

    def load(self, generator: Generator) -> Split:
        """Draws validation items at most. Raises ValueError that names file, line and what was expected."""
        if self.root is None:
            raise ValueError("dataset.root is missing: dataset=presplit needs dataset.root=FOLDER with train.txt and test.txt")
        folder = Path(self.root).expanduser()
        train = _Lines(folder / "train.txt", "a user and one item or more, whole numbers")
        test = _Lines(folder / "test.txt", "a user and at most one item, whole numbers")
        train.require(train.sizes >= 1, train.lines, train.expected)
        test.require(test.sizes <= 1, test.lines, test.expected)
        n_users = len(train.users)
        for file in (train, test):
            file.require(file.users < n_users, file.lines, f"a user in 0..{n_users - 1} (train.txt has {n_users} lines)")
            file.require(_first_occurrences(file.users), file.lines, "one line for each user")
            limit = max(ITEM_LIMIT, 100 * len(train.items))
            file.require(file.items < limit, file.lines.repeat(file.sizes), f"items in 0..{limit - 1}, numbered without large gaps")
        n_items = 1 + int(max(train.items.max(), test.items.max(initial=0)))
        if not len(test.items):
            raise test.raw.malformed(int(test.lines[0]), "a user with a test item somewhere in this file")
        interactions = by_user(train.users.repeat(train.sizes), train.items, n_users, n_items)
        held = None
        if self.validation:
            interactions, held = hold_out(interactions, _validation_positions(interactions, generator))
        held_out = _test_items(test, n_users)
        if repeated := int((interactions.items == held_out[interactions.users]).sum()):
            log.warning(
                "%s: %d test items are training items of the same user, too; HR is high where these are no repeat purchases",
                folder,
                repeated,
            )
        return Split(folder.resolve().name, interactions, held_out, held)


def find_split(dataset: str, root: str | None, validation: bool, generator: Generator) -> Split | None:
    """A data set as somebody has split it already, if that is what `root` holds. Raises ValueError like `Presplit.load`."""
    if root is None or not all((Path(root).expanduser() / name).is_file() for name in ("train.txt", "test.txt")):
        return None
    return replace(Presplit(root=root, validation=validation).load(generator), name=dataset)


class _Lines:
    """L lines of a file: users [L], sizes [L], lines [L] (their numbers), items [I] one line after another."""

    def __init__(self, path: Path, expected: str) -> None:
        try:
            self.raw = RawFile(str(path), path.read_bytes())
        except OSError as error:
            raise ValueError(f"dataset.root: cannot read {path} ({error.strerror})") from error
        self.expected = expected
        numbers = read_numbers(self.raw, b"", expected)
        starts = np.flatnonzero(np.diff(numbers.lines, prepend=0))  # [L]
        self.lines = numbers.lines[starts]
        self.users = numbers.values[starts]
        self.sizes = np.diff(starts, append=len(numbers.values)) - 1
        self.items = np.delete(numbers.values, starts)

    def require(self, fine: NDArray[np.bool_], lines: NDArray[np.int64], expected: str) -> None:
        """Raise ValueError for the first of these lines that is not fine."""
        if not fine.all():
            raise self.raw.malformed(int(lines[fine.argmin()]), expected)


def _first_occurrences(users: NDArray[np.int64]) -> NDArray[np.bool_]:
    first = np.zeros(len(users), np.bool_)
    first[np.unique(users, return_index=True)[1]] = True
    return first


def _test_items(test: _Lines, n_users: int) -> Tensor:
    items = np.full(n_users, -1)
    items[test.users.repeat(test.sizes)] = test.items
    return torch.from_numpy(items)


def _validation_positions(train: Interactions, generator: Generator) -> Tensor:
    if ((train.items.diff() < 0) & (train.users.diff() == 0)).any():
        return latest(train)
    sizes = train.offsets.diff()
    drawn = train.offsets[:-1] + (torch.rand(len(sizes), dtype=torch.float64, generator=generator) * sizes).long()
    return torch.where(sizes >= 2, drawn, -1)
