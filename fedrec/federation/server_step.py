"""What the server does in a round besides aggregation: put all uploads together, and step (Sec. III-A, step 3)."""

from dataclasses import replace

import torch
from torch import Tensor

from fedrec.federation.server_optimizer import ServerOptimizer
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
    model: GlobalModel, aggregation: Aggregation, optimizer: ServerOptimizer, *, in_place: bool
) -> tuple[GlobalModel, ItemChanges, ReplacedRows]:
    """Return the next global model, how far each item moved, and which rows were replaced.

    Gradient descent without momentum leaves an item that nobody sent a row for where it is, and so a parameter of the scorer without a
    gradient. If the aggregation names the items that it touches, it moves these alone, in the same matrix if that is allowed. Any other
    optimizer moves everything, and never in the same matrix.
    """
    change, touched = optimizer.changes(aggregation, model)
    before = model.items if touched is None else model.items.index_select(0, touched)  # [J, d]
    after = items = before + change.items
    if touched is not None:
        items = (model.items if in_place else model.items.clone()).index_copy_(0, touched, after)
    stepped = {name: model.scorer[name] + value for name, value in change.scorer.items()}
    changes = ItemChanges(torch.linalg.vector_norm(change.items, dim=1), touched, len(items))
    return GlobalModel(items, {**model.scorer, **stepped}), changes, ReplacedRows(touched, before, after)
