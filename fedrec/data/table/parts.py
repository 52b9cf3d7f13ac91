"""The files that hold a table: one file, those of a folder, or the members of a zip archive. Packed ones are unpacked as they are read."""

import contextlib
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedrec.data.reading import GZIP, ZIP

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
        raise ValueError(f"dataset.path={place} does not exist")
    if not place.is_dir():
        return _of_file(place)
    files = sorted(one for one in place.iterdir() if one.is_file() and not one.name.startswith((".", "_")))
    files = [one for one in files if one.suffix.lower() in EXTENSIONS] or files
    if not files:
        raise ValueError(f"dataset.path={place} is a folder without files: expected the parts of a table")
    return [part for file in files for part in _of_file(file)]


def _of_file(path: Path) -> list[Part]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe or a device might never end
            raise ValueError(f"dataset.path: {path} is no regular file, but a pipe or a device")
        with path.open("rb") as file:
            is_archive = file.read(4) == ZIP
        if not is_archive:
            return [Part(path)]
        with zipfile.ZipFile(path) as archive:
            members = sorted(name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX"))
    except (OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"dataset.path: cannot read {path} ({getattr(error, 'strerror', None) or error})") from error
    if "[Content_Types].xml" in members:
        raise ValueError(f"dataset.path: {path} is an office document; save the table as CSV")
    if not members:
        raise ValueError(f"dataset.path: {path} is an empty archive")
    return [Part(path, member) for member in members]
