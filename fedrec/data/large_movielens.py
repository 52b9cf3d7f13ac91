"""MovieLens-10M, -20M and -25M (Harper and Konstan, TiiS 2015). Unlike the smaller ones they are read row by row from the archive.

Each user's latest rating is held out, of equal times the one that comes last in the file. Users and movies keep the ids of GroupLens.
"""

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import ClassVar

from torch import Generator

from fedrec.data.movielens import GROUPLENS, titles_of
from fedrec.data.published_files import PublishedFile
from fedrec.data.published_table import PLAIN, load_published
from fedrec.data.table.parts import Part
from fedrec.data.table.table import Table
from fedrec.interfaces import Ids, Split


@dataclass(kw_only=True)
class LargeMovieLens:
    """root and cache: see `PublishedFile.obtain`; validation: hold out each user's second-latest interaction, too."""

    paper = "Harper & Konstan, TiiS 2015; GroupLens"

    root: str | None
    cache: str | None
    validation: bool

    name: ClassVar[str]  # as in dataset=NAME
    ratings: ClassVar[str]  # name of the file with ratings
    titles: ClassVar[str]  # name of the file with titles, in the same archive or folder
    file: ClassVar[PublishedFile]
    published: ClassVar[tuple[int, int, int]]  # users and items with a rating, ratings

    def load(self, generator: Generator) -> Split:
        """Return the split; draw nothing. Raises ValueError in one line if the file is not the published one."""
        path = self.file.obtain(self.name, self.root, self.cache)
        place = str(path / _member(path, self.ratings)) if zipfile.is_zipfile(path) else str(path)
        table = Table(path=place, user=0, item=1, rating=2, time=3, validation=self.validation, **PLAIN)
        split = load_published(table, self.name, self.published, self.root is not None, generator)
        return replace(split, item_titles=self._titles(path, split.item_ids))

    def _titles(self, path: Path, item_ids: Ids | None) -> Ids | None:
        """Return the titles of the items, [M] text or None, if they came along with the ratings."""
        part = Part(path, _member(path, self.titles)) if zipfile.is_zipfile(path) else Part(path.parent / self.titles)
        if item_ids is None or not part.path.is_file():
            return None
        with part.unpacked() as file:
            return titles_of(item_ids, file.read().decode())


def _member(path: Path, name: str) -> str:
    """Return where a file lies in a zip archive. Raises ValueError if the archive has none of this name."""
    with zipfile.ZipFile(path) as archive:
        found = next((one for one in archive.namelist() if PurePosixPath(one).name == name), None)
    if found is None:
        raise ValueError(f"{path}: expected {name} in this archive")
    return found


def _of_grouplens(name: str, md5: str, ratings: str) -> PublishedFile:
    return PublishedFile(f"{GROUPLENS}/{name}.zip", (f"{name}.zip", ratings, f"{name}/{ratings}"), f"md5:{md5}")


class MovieLens10M(LargeMovieLens):
    name, ratings, titles, published = "ml10m", "ratings.dat", "movies.dat", (69_878, 10_677, 10_000_054)
    file = _of_grouplens("ml-10m", "ce571fd55effeba0271552578f2648bd", "ratings.dat")


class MovieLens20M(LargeMovieLens):
    name, ratings, titles, published = "ml20m", "ratings.csv", "movies.csv", (138_493, 26_744, 20_000_263)
    file = _of_grouplens("ml-20m", "cd245b17a1ae2cc31bb14903e1204af3", "ratings.csv")


class MovieLens25M(LargeMovieLens):
    name, ratings, titles, published = "ml25m", "ratings.csv", "movies.csv", (162_541, 59_047, 25_000_095)
    file = _of_grouplens("ml-25m", "6b51fb2759a8657d3bfcbfc42b592ada", "ratings.csv")
