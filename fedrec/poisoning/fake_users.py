"""Gradients of users that malicious clients make up: what every attack that raises predicted scores consists of (Eq. 4).

A fake user trains like an honest one, so the model's own closed form serves and no attack mentions MF or NCF.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import softplus

from fedrec.interfaces import ClientBatch, DenseScorerGradients, GlobalModel, Loss, Model, ScorerGradients, ScorerPart, Upload


@dataclass(frozen=True, slots=True)
class FakeGradients:
    """Gradients of the losses of A malicious clients' fake users, s each."""

    users: Tensor  # [A, s, d]
    rows: Tensor  # [A, s, T, d] of the target rows
    by_user: ScorerGradients | None  # of the scorer

    def target_rows(self, weights: Tensor) -> Tensor:
        """Return the weighted sum over each client's fake users; weights [s] -> [A, T, d]."""
        return _weighted_sum(weights, self.rows)

    def scorer(self, weights: Tensor) -> Mapping[str, Tensor]:
        """Return the weighted sum over each client's fake users; weights [s] -> {name: [A, ...]}, empty for MF."""
        parts = {} if self.by_user is None else self.by_user.per_client()
        return {name: _weighted_sum(weights, value.unflatten(0, self.rows.shape[:2])) for name, value in parts.items()}


def _weighted_sum(weights: Tensor, values: Tensor) -> Tensor:
    """Return the weighted sum over dimension 1; [s], [A, s, ...] -> [A, ...]."""
    return (weights @ values.unsqueeze(-1).flatten(2)).view(len(values), *values.shape[2:])


def fake_gradients(model: Model, users: Tensor, targets: Tensor, global_model: GlobalModel, loss: Loss) -> FakeGradients:
    """Differentiate each fake user's loss over the targets, which are all labelled 1; users [A, s, d], targets [T]."""
    targets_only = GlobalModel(global_model.items.index_select(0, targets), global_model.scorer)
    batch = _all_positive(users.shape[:2].numel(), len(targets), users.dtype, users.device)
    of_users, rows, scorer = model.gradients_of_all(users.flatten(0, 1), targets_only, batch, loss)
    return FakeGradients(of_users.view(users.shape), rows.view(*users.shape[:2], len(targets), users.shape[2]), scorer)


@lru_cache(maxsize=64)  # rounds with equally many clients have equal batches
def _all_positive(n_users: int, n_targets: int, dtype: torch.dtype, device: torch.device) -> ClientBatch:
    """Return the training pairs of n users who have met all targets."""
    items = torch.arange(n_targets, device=device).expand(n_users, -1)  # [n, T]
    return equal_batch(items, torch.ones(items.shape, dtype=dtype, device=device))


def equal_batch(items: Tensor, labels: Tensor, positives_are_own: bool = False) -> ClientBatch:
    """Return the training pairs of n users with k items each; items [n, k], labels [n, k] in {0, 1}, positives first.

    The users have no items of their own unless `positives_are_own`: they stand for users as a score sees them, and a positive says what
    they shall like. As an own item a target would change a fake user's graph, and the true users have no such item in theirs.
    """
    users = torch.arange(len(items), device=items.device)
    offsets = torch.arange(0, items.numel() + 1, items.shape[1], dtype=torch.int32, device=items.device)
    return ClientBatch(users, offsets, items.flatten().int(), labels.flatten(), torch.ones_like(labels).flatten(), positives_are_own)


def promotion_loss(scores: Tensor, batch: ClientBatch) -> tuple[Tensor, Tensor]:
    """Return the mean binary cross-entropy (Eq. 4) of users with equally many pairs, all labelled 1; as `interfaces.Loss`."""
    n_users = len(batch.clients)
    n_targets = len(scores) // max(n_users, 1)
    return softplus(-scores).view(n_users, n_targets).mean(1), torch.sigmoid(scores).sub_(1).div_(n_targets)


def target_upload(clients: Tensor, active: Tensor, target_items: Tensor, rows: Tensor, scorer: Mapping[str, Tensor]) -> Upload:
    """Return an upload in which clients[active] send rows [A, T, d] for the targets [T], and {name: [A, ...]} unless that is empty."""
    parts = (ScorerPart(active, DenseScorerGradients(scorer)),) if scorer else ()
    segments = active.repeat_interleave(len(target_items))
    return Upload.of_rows(clients, target_items.repeat(len(active)), segments, rows.flatten(0, 1), parts)
