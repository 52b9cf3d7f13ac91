"""Local training of all benign clients of a round as one batch (Sec. III-A, step 2; Eq. 16 with a client-side defense)."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fedrec.interfaces import ClientBatch, ClientDefense, GlobalModel, LocalGradients, Loss, Model, RowGroup, ScorerPart, Upload


@dataclass(frozen=True, slots=True)
class LocalTraining:
    """What local training of C clients yields: what they send, and what stays with them."""

    upload: Upload  # one group of rows, a block per client
    users: Tensor  # [C, d] gradients of the clients' own embeddings
    loss: Tensor  # [C] Eq. (2), without the penalty, so that runs with and without a defense compare
    penalty: Tensor | None  # [C]; None without a client-side defense


def train_locally(
    model: Model, loss: Loss, defense: ClientDefense | None, users: Tensor, global_model: GlobalModel, batch: ClientBatch
) -> LocalTraining:
    """Differentiate every client's loss, penalty included; users [C, d] are the clients' own embeddings."""
    gradients, penalty = model.local_gradients(users, global_model, batch, loss), None
    if defense is not None:
        added = defense.penalty_gradients(users, global_model, batch)
        gradients, penalty = replace(gradients, users=gradients.users + added.users, rows=gradients.rows + added.rows), added.loss
    return LocalTraining(benign_upload(batch, gradients), gradients.users, gradients.loss, penalty)


def benign_upload(batch: ClientBatch, gradients: LocalGradients) -> Upload:
    """Return what the clients of a batch send: all gradients but those of their own embeddings."""
    owners = torch.arange(len(batch.clients), device=batch.clients.device)
    scorer = () if gradients.scorer is None else (ScorerPart(owners, gradients.scorer),)
    return Upload(batch.clients, (RowGroup(owners, batch.offsets, batch.items, gradients.rows),), scorer)
