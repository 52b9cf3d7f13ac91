"""Raw files: how they are unpacked, how whole numbers are read with the line of each, how ids are numbered by first appearance."""

import gzip
import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

DIGITS = 18  # of the longest number that is read; it always fits int64


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file's content, and the path that messages name."""

    path: str
    content: bytes

    @classmethod
    def read(cls, path: Path, option: str) -> "RawFile":
        """Return the file, which an option led to. Raises ValueError if it cannot be read."""
        try:
            return cls(str(path), path.read_bytes())
        except OSError as error:
            raise ValueError(f"{option}: cannot read {path} ({error.strerror})") from error

    def malformed(self, line: int, expected: str) -> ValueError:
        """Return the error for a line, counted from 1."""
        found = self.content.split(b"\n", line)[line - 1].strip(b"\r")[:80].decode("utf-8", "replace")
        return ValueError(f"{self.path}:{line}: expected {expected}, found {found!r}")

    def unpacked(self, name: str) -> "RawFile":
        """Return the file called `name` from a zip archive, what a gzip file holds, or the file itself; write nothing to disk.

        Raises ValueError if an archive is damaged or holds no such file.
        """
        try:
            if self.content.startswith(b"\x1f\x8b"):
                return RawFile(self.path, gzip.decompress(self.content))
            if not self.content.startswith(b"PK\x03\x04"):
                return self
            with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
                members = [member for member in archive.namelist() if PurePosixPath(member).name == name]
                if not members:
                    raise ValueError(f"{self.path}: expected {name} in this archive, found {', '.join(archive.namelist()[:5])}")
                return RawFile(f"{self.path}/{members[0]}", archive.read(members[0]))
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
            raise ValueError(f"{self.path}: damaged archive ({error})") from error


def read_numbers(raw: RawFile, separators: bytes, expected: str) -> tuple[Integers, Integers]:
    """Return all whole numbers >= 0 and the line of each, from 1, [n] each; white space or `separators` divide them.

    Raises ValueError with file and line at the first other character, and if there is no number at all.

    >>> [column.tolist() for column in read_numbers(RawFile("ratings.dat", b"7::25::3\\n8::1"), b":", "numbers")]
    [[7, 25, 3, 8, 1], [1, 1, 1, 2, 2]]
    """
    text = raw.content.translate(bytes.maketrans(separators, b" " * len(separators)))
    letters = np.frombuffer(text, np.uint8)
    digits = (letters >= ord("0")) & (letters <= ord("9"))
    breaks = np.flatnonzero(letters == ord("\n"))
    edges = np.flatnonzero(np.diff(digits, prepend=False, append=False))  # starts and ends of the numbers in turn
    wrong = [text.index(character) for character in set(text.translate(None, b"0123456789 \t\r\n"))]
    wrong += edges[::2][edges[1::2] - edges[::2] > DIGITS][:1].tolist()
    if wrong:
        raise raw.malformed(int(np.searchsorted(breaks, min(wrong))) + 1, expected)
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
