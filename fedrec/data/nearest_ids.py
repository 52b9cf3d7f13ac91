"""Which ids of a data set are nearest to one that does not exist."""

import difflib
import heapq
from operator import eq

from fedrec.interfaces import Ids

NEAREST, LOOKED_AT = 3, 100  # ids that a message suggests; of so many that look alike


def nearest_ids(wanted: str, ids: Ids) -> list[str]:
    """Return the ids [n] that are most like `wanted`, the nearest first.

    difflib takes long, so it compares those only that have most letters at the same place, counted from the start or from the end.
    """
    own = wanted.lower()

    def in_place(one: str) -> int:
        other = one.lower()
        same = sum(map(eq, own, other)) + sum(map(eq, reversed(own), reversed(other)))
        return int(same) - abs(len(own) - len(other))

    def alike(one: str) -> tuple[float, int]:
        return difflib.SequenceMatcher(None, own, one.lower()).ratio(), in_place(one)

    shortlist = heapq.nlargest(LOOKED_AT, map(str, ids.tolist()), in_place)
    return heapq.nlargest(NEAREST, shortlist, alike)
