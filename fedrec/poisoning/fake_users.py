"""Gradients of users that malicious clients make up: what all attacks that raise predicted scores are made of (Eq. 4).

A fake user trains like an honest one, so the model's own closed form serves: no attack mentions MF or NCF.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from fedrec.interfaces import (
    AttackerView,
    ClientBatch,
    DenseScorerGradients,
    GlobalModel,
    LocalGradients,
    Loss,
    Model,
    RowGroup,
    ScorerPart,
    Upload,
)


@dataclass(frozen=True, slots=True)
class FakeGradients:
    """Of the losses of A malicious clients' fake users, s each."""

    users: Tensor  # [A, s, d]
    rows: Tensor  # [A, s, T, d] of the target rows
    local: LocalGradients

    def target_rows(self, weights: Tensor) -> Tensor:
        """Weighted sum over a client's fake users; weights [s] -> [A, T, d]."""
        return (weights @ self.rows.flatten(2)).view(len(self.rows), *self.rows.shape[2:])

    def scorer(self, weights: Tensor) -> Mapping[str, Tensor]:
        """Of the scorer, weighted sum over a client's fake users; weights [s] -> {name: [A, ...]}; empty for MF."""
        if self.local.scorer is None:
            return {}
        parts = self.local.scorer.per_client()
        shape = self.rows.shape[:2]
        return {
            name: (weights @ value.reshape(*shape, math.prod(value.shape[1:]))).view(shape[0], *value.shape[1:])
            for name, value in parts.items()
        }


def fake_gradients(model: Model, users: Tensor, targets: Tensor, global_model: GlobalModel, loss: Loss) -> FakeGradients:
    """Of every fake user's loss over the targets, all labelled 1; users [A, s, d], targets [T]."""
    n_clients, n_fake, size = users.shape
    n_users, n_targets = n_clients * n_fake, len(targets)
    owners = torch.arange(n_users, device=users.device)
    offsets = torch.arange(0, n_users * n_targets + 1, n_targets, dtype=torch.int32, device=users.device)
    items = torch.arange(n_targets, dtype=torch.int32, device=users.device).repeat(n_users)
    batch = ClientBatch(owners, offsets, items, users.new_ones(len(items)))
    targets_only = GlobalModel(global_model.items[targets], global_model.scorer)
    local = model.local_gradients(users.reshape(n_users, size), targets_only, batch, loss)
    rows = RowGroup(owners, offsets, items, local.rows).at(slice(None))
    return FakeGradients(local.users.view(users.shape), rows.view(n_clients, n_fake, n_targets, size), local)


def promotion_loss(scores: Tensor, batch: ClientBatch) -> tuple[Tensor, Tensor]:
    """Mean binary cross-entropy (Eq. 4) of users with equally many pairs, all labelled 1; as `interfaces.Loss`."""
    n_users = len(batch.clients)
    n_targets = len(scores) // max(n_users, 1)
    return softplus(-scores).view(n_users, n_targets).mean(1), torch.sigmoid(scores).sub_(1).div_(n_targets)


def target_upload(view: AttackerView, active: Tensor, target_items: Tensor, rows: Tensor, scorer: Mapping[str, Tensor]) -> Upload:
    """Clients view.clients[active] send rows [A, T, d] for the targets [T], and {name: [A, ...]} unless that is empty."""
    parts = (ScorerPart(active, DenseScorerGradients(scorer)),) if scorer else ()
    segments = active.repeat_interleave(len(target_items))
    return Upload.of_rows(view.clients, target_items.repeat(len(active)), segments, rows.flatten(0, 1), parts)


def draw_by_client(clients: Tensor, shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal numbers [A, *shape]: the lowest client gets the first, so that the order of `clients` [A] changes nothing."""
    drawn = torch.randn(len(clients), *shape, generator=generator).to(like)
    return torch.empty_like(drawn).index_copy_(0, clients.argsort(), drawn)
