"""The files that hold a table: one file, those of a folder, or the members of a zip archive. Packed ones are unpacked as they are read."""

import contextlib
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedrec.data.raw_files import GZIP, ZIP

PACKED = {GZIP: "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2", b"\x04\x22\x4d\x18": "lz4"}  # how their files begin
EXTENSIONS = {".csv", ".tsv", ".txt", ".dat", ".data", ".inter", ".parquet", ".pq", ".json", ".jsonl", ".ndjson"}
EXTENSIONS |= {".gz", ".zip", ".zst", ".bz2", ".lz4"}


@dataclass(frozen=True, slots=True)
class Part:
    """One file with rows of the table, or a member of a zip archive."""

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return f"{self.path}/{self.member}" if self.member else str(self.path)

    @contextlib.contextmanager
    def unpacked(self) -> Iterator[Any]:
        """Open the part to read the bytes that it holds. Raises ValueError in one line if it cannot be read or is damaged."""
        import pyarrow

        try:
            with contextlib.ExitStack() as files:
                if self.member is not None:
                    archive = files.enter_context(zipfile.ZipFile(self.path))
                    file: Any = files.enter_context(archive.open(self.member))
                else:
                    file = files.enter_context(self.path.open("rb"))
                begin = file.read(4)
                file.seek(0)
                packed = next((name for magic, name in PACKED.items() if begin.startswith(magic)), None)
                yield pyarrow.CompressedInputStream(file, packed) if packed else file
        except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f"{self}: cannot be read, or is damaged ({str(error).splitlines()[0]})") from error


def parts_of(place: Path) -> list[Part]:
    """Return the parts of a table in the order of their names. Raises ValueError in one line if there is none."""
    if not place.exists():
        return [_member(place)]
    if not place.is_dir():
        return _of_file(place)
    files = [one for one in place.iterdir() if one.is_file() and not one.name.startswith((".", "_"))]
    files = sorted([one for one in files if one.suffix.lower() in EXTENSIONS] or files, key=lambda one: _in_order(one.name))
    if not files:
        raise ValueError(f"dataset.path={place} is a folder without files: expected the parts of a table")
    return [part for file in files for part in _of_file(file)]


def _member(place: Path) -> Part:
    """Return the member of a zip archive that ARCHIVE/MEMBER names. Raises ValueError in one line if there is none."""
    archive = next((parent for parent in place.parents if parent.is_file()), None)
    if archive is not None:
        part = Part(archive, place.relative_to(archive).as_posix())
        if part in _of_file(archive):
            return part
    raise ValueError(f"dataset.path={place} does not exist")


def _of_file(path: Path) -> list[Part]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe or a device might never end
            raise ValueError(f"dataset.path: {path} is no regular file, but a pipe or a device")
        with path.open("rb") as file:
            is_archive = file.read(4) == ZIP
        if not is_archive:
            return [Part(path)]
        with zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
    except (OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"dataset.path: cannot read {path} ({getattr(error, 'strerror', None) or error})") from error
    if "[Content_Types].xml" in members:
        raise ValueError(f"dataset.path: {path} is an office document; save the table as CSV")
    if not members:
        raise ValueError(f"dataset.path: {path} is an empty archive")
    tables = [name for name in members if Path(name).suffix.lower() in EXTENSIONS] or members
    return [Part(path, member) for member in sorted(tables, key=_in_order)]


def told_of_parts(place: Path, parts: Sequence[Part]) -> list[str]:
    """Return in words how many parts are read, and what else lies there."""
    others = _not_read(place, parts)
    told = [f"{len(parts)} parts are read, {parts[0]} to {parts[-1]}"] if len(parts) > 1 else []
    return told + ([f"left out of {place}: {', '.join(others[:5])}{' and others' if len(others) > 5 else ''}"] if others else [])


def _not_read(place: Path, parts: Sequence[Part]) -> list[str]:
    """Return the names of what lies in a folder or an archive and is no part, but for hidden files."""
    if place.is_dir():
        return sorted(one.name for one in place.iterdir() if one not in {part.path for part in parts} and one.name[0] not in "._")
    if parts[0].member is None or parts[0].path != place:
        return []
    with zipfile.ZipFile(place) as archive:
        return sorted({name for name in archive.namelist() if not name.endswith("/")} - {part.member for part in parts})


def _in_order(name: str) -> list[tuple[int, str]]:
    """Return what names are sorted by: part-2 comes before part-10.

    >>> sorted(["part-10.csv", "part-2.csv"], key=_in_order)
    ['part-2.csv', 'part-10.csv']
    """
    return [(int(piece), "") if piece.isdigit() else (0, piece) for piece in re.split(r"(\d+)", name)]
