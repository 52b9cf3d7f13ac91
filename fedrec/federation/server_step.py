"""The server's part of a round besides aggregation: one upload from both kinds of clients, and the step (Sec. III-A, step 3)."""

from dataclasses import replace

import torch
from torch import Tensor

from fedrec.federation.client_sampling import SampledClients
from fedrec.interfaces import GlobalModel, Upload


def concatenate(benign: Upload, poison: Upload | None, clients: SampledClients) -> Upload:
    """Return all uploads as the server sees them, in sampling order; nothing marks who is malicious."""
    if poison is None:
        return benign
    device = benign.clients.device
    of = (benign, clients.benign.to(device)), (poison, clients.malicious.to(device))
    groups = [replace(group, owners=place[group.owners]) for upload, place in of for group in upload.groups]
    scorer = [replace(part, senders=place[part.senders]) for upload, place in of for part in upload.scorer]
    return Upload(clients.ids.to(device), tuple(groups), tuple(scorer))


def step(model: GlobalModel, gradient: GlobalModel, learning_rate: float) -> tuple[GlobalModel, Tensor]:
    """Return the next global model and Delta-Norm [M], the length of each item's change (Eq. 7).

    A parameter of the scorer stays as it is if nobody sent a gradient for it.
    """
    change = learning_rate * gradient.items
    stepped = {name: model.scorer[name] - learning_rate * value for name, value in gradient.scorer.items()}
    return GlobalModel(model.items - change, {**model.scorer, **stepped}), torch.linalg.vector_norm(change, dim=1)
