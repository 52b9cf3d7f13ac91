"""What travels between the server and the nodes of a Flower federation, and the check of all that a node may have made up.

A reply holds the rows of items that somebody sent and no others. Arrays are little-endian and have these names:

    items           [n] int32, the item of each row
    senders         [n] int64, the sender of each row: a position in the `clients` that the server has asked
    rows            [n, d] float32, gradients
    scorer_senders  [c] int64, distinct positions of those who send gradients of the scorer, ascending
    scorer.NAME     [c, ...] float32, their gradients of a parameter

The global model is `items` [M, d] and `scorer.NAME` [...], all float32.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from flwr.app import Array, ArrayRecord
from torch import Tensor

from fedrec.interfaces import DenseScorerGradients, GlobalModel, ScorerPart, Upload

MODEL, UPLOAD, CONFIG, METRICS = "model", "upload", "config", "metrics"  # the records of a message
SCORER = "scorer."  # begins the name of a parameter


class BadReply(ValueError):
    """A node has sent what no client can send. The message says what."""


def pack(arrays: Mapping[str, Tensor]) -> ArrayRecord:
    """Return tensors as a record."""
    return ArrayRecord(array_dict={name: Array(np.ascontiguousarray(value.detach().cpu().numpy())) for name, value in arrays.items()})


def unpack(record: ArrayRecord) -> dict[str, Tensor]:
    """Return the tensors of a record. Raises BadReply if an array is none."""
    try:
        return {name: torch.from_numpy(np.array(array.numpy())) for name, array in record.items()}
    except Exception as error:  # a node may send any bytes
        raise BadReply(f"an array cannot be read ({error})") from None


def tensors_of(model: GlobalModel) -> dict[str, Tensor]:
    """Return the tensors of a global model by their names."""
    return {"items": model.items, **{SCORER + name: value for name, value in model.scorer.items()}}


def of_model(model: GlobalModel) -> ArrayRecord:
    """Return what the server broadcasts."""
    return pack(tensors_of(model))


def to_model(record: ArrayRecord) -> GlobalModel:
    """Return the global model that `of_model` packed."""
    arrays = unpack(record)
    return GlobalModel(arrays.pop("items"), {name.removeprefix(SCORER): value for name, value in arrays.items()})


def of_upload(upload: Upload | None, asked: Tensor) -> ArrayRecord:
    """Return what the clients of a node send; `asked` [C] are the clients of the upload that the server asked, in its order."""
    if upload is None:
        return ArrayRecord()
    ascending, order = asked.sort()
    positions = order[torch.searchsorted(ascending, upload.clients)]  # [S]
    senders, gradients = upload.scorer_rows()
    arrays = {"items": upload.items.int(), "senders": positions[upload.segments], "rows": upload.rows}
    if gradients:
        places, order = positions[senders].sort()
        arrays |= {"scorer_senders": places, **{SCORER + name: value[order] for name, value in gradients.items()}}
    return pack(arrays)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the reply of a node must fit."""

    model: GlobalModel
    n_asked: int

    def check(self, record: ArrayRecord) -> dict[str, Tensor]:
        """Return the arrays of a reply. Raises BadReply if they are not those of the asked clients and of the model's items."""
        arrays = unpack(record)
        scorer = {SCORER + name: value.shape for name, value in self.model.scorer.items()}
        names = {"items", "senders", "rows"} | ({"scorer_senders", *scorer} if "scorer_senders" in arrays else set())
        if arrays.keys() != names:
            raise BadReply(f"its arrays are {', '.join(sorted(arrays)) or 'none'}, not {', '.join(sorted(names))}")
        n = arrays["items"].numel()  # an array may have any number of dimensions
        kinds: dict[str, tuple[tuple[int, ...], torch.dtype]] = {
            "items": ((n,), torch.int32),
            "senders": ((n,), torch.int64),
            "rows": ((n, self.model.items.shape[1]), self.model.items.dtype),
        }
        if "scorer_senders" in arrays:
            n_senders = arrays["scorer_senders"].numel()
            kinds |= {name: ((n_senders, *shape), self.model.items.dtype) for name, shape in scorer.items()}
            kinds["scorer_senders"] = (n_senders,), torch.int64
        for name, (shape, dtype) in kinds.items():
            if (tuple(arrays[name].shape), arrays[name].dtype) != (shape, dtype):
                raise BadReply(f"{name} is {_kind(arrays[name])}, not {str(dtype).removeprefix('torch.')} {list(shape)}")
        self._check_numbers(arrays)
        return arrays

    def _check_numbers(self, arrays: Mapping[str, Tensor]) -> None:
        limits = {"items": ("item", len(self.model.items)), "senders": ("sender", self.n_asked), "scorer_senders": ("sender", self.n_asked)}
        for name, (what, limit) in limits.items():
            if name in arrays and len(arrays[name]) and not (int(arrays[name].min()) >= 0 and int(arrays[name].max()) < limit):
                raise BadReply(f"{name} names {what}s that do not exist: there are 0 to {limit - 1}")
        pairs = arrays["senders"] * len(self.model.items) + arrays["items"]
        if len(pairs.unique()) < len(pairs):
            raise BadReply("a client sends several rows for an item")
        if "scorer_senders" in arrays and not bool((arrays["scorer_senders"].diff() > 0).all()):
            raise BadReply("scorer_senders is not ascending")


def _kind(array: Tensor) -> str:
    return f"{str(array.dtype).removeprefix('torch.')} {list(array.shape)}"


def to_upload(arrays: Mapping[str, Tensor], clients: Tensor) -> Upload:
    """Return checked arrays as the upload of the clients [C] that were asked."""
    gradients = {name.removeprefix(SCORER): value for name, value in arrays.items() if name.startswith(SCORER)}
    scorer = (ScorerPart(arrays["scorer_senders"], DenseScorerGradients(gradients)),) if gradients else ()
    order = arrays["senders"].argsort(stable=True)  # rows of a client stand together
    items, senders, rows = (arrays[name][order] for name in ("items", "senders", "rows"))
    return Upload.of_rows(clients, items, senders, rows, scorer)


def merged(uploads: Mapping[Any, tuple[Tensor, Upload]], sampled: Tensor) -> Upload:
    """Return the upload of all sampled clients [S], in their order; each node's stands beside the places [C] of its clients in it."""
    groups = tuple(replace(group, owners=places[group.owners]) for places, upload in uploads.values() for group in upload.groups)
    scorer = tuple(replace(part, senders=places[part.senders]) for places, upload in uploads.values() for part in upload.scorer)
    return Upload(sampled, groups, scorer)


def bytes_of(record: ArrayRecord) -> int:
    """Return how many bytes the arrays of a record have on the wire."""
    return sum(len(array.data) for array in record.values())
