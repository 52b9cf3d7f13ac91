"""A folder with train.txt and test.txt, one line per user: "user item item ...", as the published code keeps its data sets.

train.txt has one line for each user 0..U-1, test.txt at most one. A test line has one item or, for a user without a test item, none.
"""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from fedrec.data.reading import Integers, RawFile, read_numbers
from fedrec.data.splitting import by_user, hold_out, latest
from fedrec.interfaces import Interactions, Split

log = logging.getLogger(__name__)

ITEM_LIMIT = 1_000_000  # item ids stay below this or a hundred times the interactions: nobody leaves such gaps on purpose


@dataclass(kw_only=True)
class Presplit:
    """root: the folder, whose name becomes the split's; validation: hold out one training item of each user, too.

    That item is the last of its line, or is drawn if the items of every line ascend: these were sorted by id (as in the published
    ML-1M), and their order tells nothing about time.
    """

    paper = "a split of one's own, in the format of PIECK's released code"

    root: str | None
    validation: bool

    def load(self, generator: Generator) -> Split:
        """Return the split; draw validation items at most. Raises ValueError that names file, line and what was expected."""
        if self.root is None:
            raise ValueError("dataset.root is missing: dataset=presplit needs dataset.root=FOLDER with train.txt and test.txt")
        folder = Path(self.root).expanduser()
        train, test = _read(folder)
        n_items = 1 + int(max(train.items.max(), test.items.max(initial=0)))
        interactions, held = by_user(train.users.repeat(train.sizes), train.items, len(train.users), n_items), None
        if self.validation:
            interactions, held = hold_out(interactions, _validation_positions(interactions, generator))
        test_items = np.full(len(train.users), -1)
        test_items[test.users.repeat(test.sizes)] = test.items
        if repeated := int((interactions.items.numpy() == test_items[interactions.users.numpy()]).sum()):
            told = "test items are training items of the same user, too; HR is too high unless they were bought again"
            log.warning("%s: %d %s", folder, repeated, told)
        return Split(folder.resolve().name, interactions, torch.from_numpy(test_items), held)


def find_split(dataset: str, root: str | None, validation: bool, generator: Generator) -> Split | None:
    """Return the split under the name of a data set if `root` holds one, else None. Raises ValueError like `Presplit.load`."""
    if root is None or not all((Path(root).expanduser() / name).is_file() for name in ("train.txt", "test.txt")):
        return None
    return replace(Presplit(root=root, validation=validation).load(generator), name=dataset)


class _Lines:
    """L lines of a file: users [L], sizes [L], lines [L] (their numbers), items [I] one line after another."""

    def __init__(self, path: Path, expected: str) -> None:
        self.raw = RawFile.read(path, "dataset.root")
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
    expected = "a user and one item or more, whole numbers", "a user and at most one item, whole numbers"
    train, test = _Lines(folder / "train.txt", expected[0]), _Lines(folder / "test.txt", expected[1])
    train.require(train.sizes >= 1, train.lines, expected[0])
    test.require(test.sizes <= 1, test.lines, expected[1])
    n_users, limit = len(train.users), max(ITEM_LIMIT, 100 * len(train.items))
    for file in (train, test):
        file.require(file.users < n_users, file.lines, f"a user in 0..{n_users - 1} (train.txt has {n_users} lines)")
        is_first = np.isin(np.arange(len(file.users)), np.unique(file.users, return_index=True)[1])
        file.require(is_first, file.lines, "one line for each user")
        file.require(file.items < limit, file.lines.repeat(file.sizes), f"items in 0..{limit - 1}, numbered without large gaps")
    if not len(test.items):
        raise test.raw.malformed(int(test.lines[0]), "a user with a test item somewhere in this file")
    return train, test


def _validation_positions(train: Interactions, generator: Generator) -> Tensor:
    """Return where each user's validation item stands, [U]; -1 for a user who would have none left."""
    if ((train.items.diff() < 0) & (train.users.diff() == 0)).any():
        return latest(train)
    sizes = train.offsets.diff()
    drawn = train.offsets[:-1] + (torch.rand(len(sizes), dtype=torch.float64, generator=generator) * sizes).long()
    return torch.where(sizes >= 2, drawn, -1)
