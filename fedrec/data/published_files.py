"""Published files that stay on disk, because some are larger than the memory: from dataset.root, else from the cache, else fetched."""

import hashlib
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fedrec.data.downloading import download
from fedrec.data.obtaining import cache_folder, find_own

log = logging.getLogger(__name__)

NAMES = "users", "items", "interactions"


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file at an official address."""

    url: str
    found_as: tuple[str, ...]  # what dataset.root may hold
    checksum: str | None = None  # "md5:..." or "sha256:..."; None: its publisher states none, so its statistics decide

    @property
    def name(self) -> str:
        return PurePosixPath(self.url).name

    def obtain(self, dataset: str, root: str | None, cache: str | None) -> Path:
        """Return where the file lies, as `fedrec.data.obtaining.obtain` does with small ones."""
        if root is not None:
            return find_own(root, self.found_as)
        path = cache_folder(cache) / dataset / self.name
        if path.is_file():
            try:
                self._check(path)
                return path
            except ValueError as error:
                log.warning("%s; fetching it again", error)
        self._fetch_into(path, dataset)
        return path

    def _check(self, path: Path) -> None:
        """Raise ValueError unless the file has the published checksum."""
        if self.checksum is None:
            return
        kind, _, expected = self.checksum.partition(":")
        with path.open("rb") as file:
            found = hashlib.file_digest(file, kind).hexdigest()
        if found != expected:
            raise ValueError(f"{path} is damaged or altered ({kind} {found[:12]}..., expected {expected[:12]}...)")

    def _fetch_into(self, path: Path, dataset: str) -> None:
        """Fetch the file and move it there in one step, so that no other process sees half of it."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".fetching-", dir=path.parent) as folder:
                part = Path(folder) / path.name
                with part.open("wb") as file:
                    download(self.url, file)
                self._check(part)
                part.replace(path)
        except OSError as error:
            raise ValueError(f"dataset.cache: cannot write {path} ({error.strerror}); choose a folder with dataset.cache=FOLDER") from error
        except ValueError as error:
            by_hand = f"put {' or '.join(self.found_as)} into a folder and set dataset.root=FOLDER"
            raise ValueError(f"dataset={dataset}: {error}. Ways out: {by_hand}; or make {self.url} reachable") from error


def require_published(dataset: str, path: Path, found: Sequence[int], published: Sequence[int], own: bool) -> None:
    """Raise ValueError unless a data set has the published numbers of users, items and interactions; only say so if it is one's own."""
    if tuple(found) == tuple(published):
        return
    counts, expected = (", ".join(f"{n:,} {name}" for n, name in zip(numbers, NAMES, strict=True)) for numbers in (found, published))
    told = f"{path} holds {counts}; published are {expected}"
    if not own:
        raise ValueError(f"dataset={dataset}: {told}; remove it to fetch it again, or set dataset.root to use a file of your own")
    log.warning("%s", told)
