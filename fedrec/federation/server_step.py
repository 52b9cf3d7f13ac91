"""What the server does in a round besides aggregation: put all uploads together, and step (Sec. III-A, step 3)."""

from dataclasses import replace

import torch
from torch import Tensor

from fedrec.interfaces import GlobalModel, Upload


def concatenate(benign: Upload, poison: Upload | None, clients: Tensor, is_malicious: Tensor) -> Upload:
    """Return both uploads as the server sees them: clients [S] in sampling order, and nothing marks who is malicious [S] bool."""
    if poison is None:
        return benign
    of = (benign, (~is_malicious).nonzero().flatten()), (poison, is_malicious.nonzero().flatten())
    groups = [replace(group, owners=place[group.owners]) for upload, place in of for group in upload.groups]
    scorer = [replace(part, senders=place[part.senders]) for upload, place in of for part in upload.scorer]
    return Upload(clients, tuple(groups), tuple(scorer))


def step(model: GlobalModel, gradient: GlobalModel, learning_rate: float) -> tuple[GlobalModel, Tensor]:
    """Return the next global model and Delta-Norm [M], the length of each item's change (Eq. 7).

    A parameter of the scorer stays as it is if nobody sent a gradient for it.
    """
    change = learning_rate * gradient.items
    stepped = {name: model.scorer[name] - learning_rate * value for name, value in gradient.scorer.items()}
    return GlobalModel(model.items - change, {**model.scorer, **stepped}), torch.linalg.vector_norm(change, dim=1)
