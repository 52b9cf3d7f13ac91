"""Three conversions for the tests of data sets."""

import io
import zipfile
from collections.abc import Sequence

import torch

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


def one_each(items: Sequence[int] | torch.Tensor, n_items: int) -> Interactions:
    """Return interactions of users who have one of these items each, or none where it is -1."""
    items = torch.as_tensor(items)
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), (items >= 0).cumsum(0)])
    return Interactions(offsets, items[items >= 0].int(), n_items)
