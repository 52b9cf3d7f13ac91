"""What the server does in a round besides aggregation: put all uploads together, and step (Sec. III-A, step 3)."""

from dataclasses import replace

import torch
from torch import Tensor

from fedrec.interfaces import Aggregation, GlobalModel, ItemChanges, ReplacedRows, Upload


def concatenate(benign: Upload, poison: Upload | None, clients: Tensor, is_malicious: Tensor) -> Upload:
    """Return both uploads as the server sees them: clients [S] in sampling order, and nothing marks who is malicious [S] bool."""
    if poison is None:
        return benign
    of = (benign, (~is_malicious).nonzero().flatten()), (poison, is_malicious.nonzero().flatten())
    groups = [replace(group, owners=place[group.owners]) for upload, place in of for group in upload.groups]
    scorer = [replace(part, senders=place[part.senders]) for upload, place in of for part in upload.scorer]
    return Upload(clients, tuple(groups), tuple(scorer))


def step(
    model: GlobalModel, aggregation: Aggregation, learning_rate: float, *, in_place: bool
) -> tuple[GlobalModel, ItemChanges, ReplacedRows]:
    """Return the next global model, how far each item moved, and which rows were replaced.

    Gradient descent without momentum: an item that nobody sent a row for stays where it is, and so does a parameter of the scorer without
    a gradient. If the aggregation names the items that it touches, only these are moved, in the same matrix if that is allowed.
    """
    gradient, touched = aggregation.gradient, aggregation.touched
    change = -learning_rate * gradient.items  # [J, d]
    before = model.items if touched is None else model.items.index_select(0, touched)
    after = items = before + change
    if touched is not None:
        items = (model.items if in_place else model.items.clone()).index_copy_(0, touched, after)
    stepped = {name: model.scorer[name] - learning_rate * value for name, value in gradient.scorer.items()}
    changes = ItemChanges(torch.linalg.vector_norm(change, dim=1), touched, len(items))
    return GlobalModel(items, {**model.scorer, **stepped}), changes, ReplacedRows(touched, before, after)
