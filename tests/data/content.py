"""Two conversions for the tests of data sets."""

import io
import zipfile

from fedrec.interfaces import Interactions


def rows(interactions: Interactions) -> list[list[int]]:
    """Return the items of each user."""
    return [row.tolist() for row in interactions.items.split(interactions.offsets.diff().tolist())]


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip archive of these files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()
