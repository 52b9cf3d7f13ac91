"""Raw files of public data sets: looked for in dataset.root, then in the cache folder, then fetched into the cache."""

import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fedrec.data.downloading import Way, verify
from fedrec.data.reading import RawFile

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the raw file of a data set comes from and how to tell that it is whole."""

    dataset: str  # as in dataset=NAME
    raw: str  # name of the raw file, in an archive too
    found_as: tuple[str, ...]  # what to look for in dataset.root
    cached_as: str  # in the cache folder
    sha256: str  # of the cached file
    ways: tuple[Way, ...]  # to fetch it, best first
    accepts: Callable[[RawFile], bool] | None = None  # of a file with another checksum; None: never

    def check(self, file: RawFile) -> None:
        """Raise ValueError unless this file, fetched or cached, is the published one."""
        try:
            verify(file, self.sha256)
        except ValueError as error:
            if self.accepts is None or not self.accepts(file):
                raise
            log.warning("%s; its users, items and interactions are the published ones, so it is used", error)


def obtain(source: Source, root: str | None, cache: str | None) -> RawFile:
    """The raw file, unpacked.

    root: the file, its archive, or a folder with either: taken as it is, without a checksum. cache: folder that keeps what was
    fetched, None for the user's cache folder. Raises ValueError, one line, that names the ways out if nothing works.
    """
    own = None if root is None else _look_in(Path(root).expanduser(), source)
    if own is not None:
        return RawFile(str(own), _read(own, "dataset.root")).unpacked(source.raw)
    if root is not None:
        log.warning("dataset.root=%s holds neither %s; looking elsewhere", root, " nor ".join(source.found_as))
    path = _cache_folder(cache) / source.cached_as
    if path.is_file():
        kept = RawFile(str(path), _read(path, "dataset.cache"))
        try:
            source.check(kept)
            return kept.unpacked(source.raw)
        except ValueError as error:
            log.warning("%s; fetching it again", error)
    return RawFile(str(path), _fetch_into(path, source)).unpacked(source.raw)


def _look_in(root: Path, source: Source) -> Path | None:
    candidates = [root, *(root / name for name in source.found_as)]
    return next((path for path in candidates if path.is_file()), None)


def _cache_folder(cache: str | None) -> Path:
    if cache is not None:
        return Path(cache).expanduser()
    import pooch

    return Path(pooch.os_cache("fedrec"))


def _read(path: Path, option: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{option}: cannot read {path} ({error.strerror})") from error


def _fetch_into(path: Path, source: Source) -> bytes:
    """Fetch the file and put it there in one step, so that nobody ever sees half of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=path.parent) as folder:  # fails before anything is fetched
            content = _fetch(source)
            part = Path(folder) / path.name
            part.write_bytes(content)
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
    ways_out = [
        f"put {' or '.join(source.found_as)} into a folder and set dataset.root=FOLDER",
        *(way.advice for way in source.ways),
        "take dataset=synthetic or dataset=presplit",
    ]
    raise ValueError(f"dataset={source.dataset}: {'; '.join(reasons)}. Ways out: {'; or '.join(ways_out)}")
