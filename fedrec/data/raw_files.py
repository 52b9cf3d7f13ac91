"""Raw files: how they are unpacked, how whole numbers are read with the line of each, how ids are numbered by first appearance."""

import gzip
import io
import re
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

DIGITS = 18  # of the longest number that is read; it always fits int64
STRANGE = re.compile(rb"[^0-9 \t\r\n]")
MOST_BYTES = 1 << 30  # of a file of one's own; what the file of a public data set may have, its `Source` says
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"  # how their files begin
PIECE = 1 << 20  # bytes that are unpacked at once


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file's content, and the path that messages name."""

    path: str
    content: bytes

    @classmethod
    def read(cls, path: Path, option: str, most_bytes: int) -> "RawFile":
        """Return the file, which an option led to. Raises ValueError if it cannot be read. A pipe or a device might never end."""
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise ValueError(f"{option}: {path} is no regular file, but a folder, a pipe or a device")
            if status.st_size > most_bytes:
                raise ValueError(f"{option}: {path} is longer than {most_bytes:,} bytes, the most that is read")
            return cls(str(path), path.read_bytes())
        except OSError as error:
            raise ValueError(f"{option}: cannot read {path} ({error.strerror})") from error

    def malformed(self, line: int, expected: str) -> ValueError:
        """Return the error for a line, counted from 1."""
        found = self.content.split(b"\n", line)[line - 1].strip(b"\r")[:80].decode("utf-8", "replace")
        return ValueError(f"{self.path}:{line}: expected {expected}, found {found!r}")

    def unpacked(self, name: str, most_bytes: int) -> "RawFile":
        """Return the file called `name` from a zip archive, what a gzip file holds, or the file itself; write nothing to disk.

        Raises ValueError if an archive is damaged, holds no such file, or a longer one.
        """
        if not self.content.startswith((GZIP, ZIP)):
            return self
        try:
            path, content = self._unpack(name, most_bytes + 1)
        except LookupError as error:
            raise ValueError(f"{self.path}: {error}") from None
        except Exception as error:  # of many kinds, it depends on what is damaged
            raise ValueError(f"{self.path}: damaged archive ({error})") from error
        if len(content) > most_bytes:
            raise ValueError(f"{path} unpacks to more than {most_bytes:,} bytes, the most that is read")
        return RawFile(path, content)

    def holds(self, name: str) -> bool:
        """Return whether this zip archive holds a file called `name`."""
        with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
            return any(PurePosixPath(one).match(name) for one in archive.namelist())

    def _unpack(self, name: str, at_most: int) -> tuple[str, bytes]:
        """Return a path for messages, and the first bytes of the file. Raises LookupError if the archive holds no file called `name`."""
        if self.content.startswith(GZIP):
            with gzip.open(io.BytesIO(self.content)) as file:
                return self.path, _first(file, at_most)
        with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
            member = next((one for one in archive.namelist() if PurePosixPath(one).match(name)), None)
            if member is None:
                raise LookupError(f"expected {name} in this archive, found {', '.join(archive.namelist()[:5])[:200]}")
            with archive.open(member) as file:
                return f"{self.path}/{member}", _first(file, at_most)


def _first(file: IO[bytes] | gzip.GzipFile, at_most: int) -> bytes:
    """Return the first bytes of an archived file, read in pieces: a small archive may unpack to more than the memory holds."""
    content = io.BytesIO()
    while content.tell() < at_most and (piece := file.read(min(PIECE, at_most - content.tell()))):
        content.write(piece)
    return content.getvalue()


def path_of(text: str, option: str) -> Path:
    """Return the path that an option names. Raises ValueError if there is no such path on any machine, or no user called so."""
    try:
        if "\0" in text:
            raise ValueError(f"{option} holds a zero byte, which no path may hold")
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError(f"{option}={text}: there is no home folder of this name") from None


def read_numbers(raw: RawFile, separators: bytes, expected: str) -> tuple[Integers, Integers]:
    """Return all whole numbers >= 0 and the line of each, from 1, [n] each; white space or `separators` divide them.

    Raises ValueError with file and line at the first other character, and if there is no number at all.

    >>> [column.tolist() for column in read_numbers(RawFile("ratings.dat", b"7::25::3\\n8::1"), b":", "numbers")]
    [[7, 25, 3, 8, 1], [1, 1, 1, 2, 2]]
    """
    text = raw.content.translate(bytes.maketrans(separators, b" " * len(separators)))
    strange = STRANGE.search(text)
    letters = np.frombuffer(text[: strange.start()] if strange else text, np.uint8)
    digits = (letters >= ord("0")) & (letters <= ord("9"))
    breaks = np.flatnonzero(letters == ord("\n"))
    edges = np.flatnonzero(np.diff(digits, prepend=False, append=False))  # starts and ends of the numbers in turn
    if len(too_long := edges[::2][edges[1::2] - edges[::2] > DIGITS]):
        raise raw.malformed(int(np.searchsorted(breaks, too_long[0])) + 1, f"{expected} of at most {DIGITS} digits")
    if strange:
        raise raw.malformed(len(breaks) + 1, expected)
    if not len(edges):
        raise ValueError(f"{raw.path}: expected lines of {expected}, found none: the data set is empty")
    return np.fromstring(text, np.int64, sep=" "), np.searchsorted(breaks, edges[::2]) + 1


def numbered(raw_ids: NDArray[Any]) -> tuple[Integers, NDArray[Any]]:
    """Return ids from 0 by first appearance, and the raw id of each.

    >>> ids, raw_ids = numbered(np.array([7, 3, 7, 5]))
    >>> ids.tolist(), raw_ids.tolist()
    ([0, 1, 0, 2], [7, 3, 5])
    """
    values, first, inverse = np.unique(raw_ids, return_index=True, return_inverse=True)
    order = first.argsort()
    ids = np.empty_like(order)
    ids[order] = np.arange(len(order))
    return ids[inverse], values[order]
