"""Amazon Digital Music, 5-core, 2018 (Ni, Li and McAuley, "Justifying Recommendations using Distantly-Labeled Reviews", EMNLP 2019).

The split is the published one: users and items are numbered from 0 by first appearance, sequences follow the file, not the time stamps,
and the last line of each user is held out. Repeat purchases stay, so that 429 users have their test item in training, too.
"""

import json
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Generator

from fedrec.data.downloading import Address
from fedrec.data.obtaining import Source, obtain
from fedrec.data.presplit import find_split
from fedrec.data.raw_files import Integers, RawFile, numbered
from fedrec.data.splitting import by_user, leave_one_out
from fedrec.interfaces import Split

Strings = NDArray[np.object_]  # no array of fixed width, where one long string would make all of them long

PUBLISHED = (16_566, 11_797, 169_781)  # users, items, interactions (Table VIII)
MOST_BYTES = 400_000_000  # of the reviews


@dataclass(kw_only=True)
class AmazonMusic:
    """root and cache: see `obtain`; validation: hold out the second-latest interaction, too.

    deduplicate: keep only a user's last review of an item. The test items stay the published ones, except that a user left with one
    interaction has none, and no user's test item is in training.
    """

    paper = "Ni et al., EMNLP 2019"

    root: str | None
    cache: str | None
    validation: bool
    deduplicate: bool

    def load(self, generator: Generator) -> Split:
        """Return the split; draw nothing. Raises ValueError that names file, line and what was expected."""
        if split := find_split("amazon_music", self.root, self.validation, generator):
            if self.deduplicate:
                raise ValueError(f"dataset.deduplicate = true: {self.root} holds a split already, it needs the reviews")
            return split
        raw_users, raw_items = read_reviews(obtain(SOURCE, self.root, self.cache))
        (users, user_ids), (items, item_ids) = numbered(raw_users), numbered(raw_items)
        if self.deduplicate:
            last = last_of_each_pair(users, items)
            users, items = users[last], items[last]
        interactions = by_user(users, items, len(user_ids), len(item_ids))
        return replace(leave_one_out("amazon_music", interactions, self.validation), user_ids=user_ids, item_ids=item_ids)


def read_reviews(raw: RawFile) -> tuple[Strings, Strings]:
    """Return the users and the items of a file with one review in JSON on each line, [I] each; skip empty lines.

    >>> [ids.tolist() for ids in read_reviews(RawFile("reviews.json", b'{"reviewerID": "A1", "asin": "B7", "overall": 5.0}'))]
    [['A1'], ['B7']]
    """
    users, items = [], []
    for number, line in enumerate(raw.content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            review = json.loads(line)
            user, item = review["reviewerID"], review["asin"]
        except (ValueError, KeyError, TypeError, RecursionError):
            user = item = None
        if not isinstance(user, str) or not isinstance(item, str):
            raise raw.malformed(number, 'a review in JSON with the strings "reviewerID" and "asin"')
        users.append(user)
        items.append(item)
    if not users:
        raise ValueError(f"{raw.path}: expected a review in JSON on each line, found none: the data set is empty")
    return np.array(users, object), np.array(items, object)


def last_of_each_pair(users: Integers, items: Integers) -> Integers:
    """Return where each distinct pair of user and item occurs last, ascending.

    >>> last_of_each_pair(np.array([0, 0, 0, 1]), np.array([5, 6, 5, 5])).tolist()
    [1, 2, 3]
    """
    keys = users * (items.max() + 1) + items
    return np.sort(len(keys) - 1 - np.unique(keys[::-1], return_index=True)[1])


def has_published_counts(file: RawFile) -> bool:
    """Return whether a file with another checksum holds the data set of Table VIII after all."""
    users, items = read_reviews(file.unpacked("Digital_Music_5.json", MOST_BYTES))
    return (len(np.unique(users)), len(np.unique(items)), len(users)) == PUBLISHED


SOURCE = Source(
    dataset="amazon_music",
    raw="Digital_Music_5.json",
    found_as=("Digital_Music_5.json.gz", "Digital_Music_5.json"),
    cached_as="Digital_Music_5.json.gz",
    most_bytes=MOST_BYTES,
    sha256="7ad84ddba813c798414e0f05ff4653ca96ffee31dca7d6dc4fac1f7540471ff9",  # as a third party gives it, so the counts decide
    ways=(Address("https://jmcauley.ucsd.edu/data/amazon_v2/categoryFilesSmall/Digital_Music_5.json.gz"),),
    accepts=has_published_counts,
)
