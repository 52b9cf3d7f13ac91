"""Local training of all benign clients of a round as one batch (Sec. III-A, step 2; Eq. 16 with a client-side defense)."""

from dataclasses import replace

from torch import Tensor

from fedrec.interfaces import ClientBatch, ClientDefense, GlobalModel, LocalGradients, Loss, Model


def train_locally(
    model: Model, loss: Loss, defense: ClientDefense | None, users: Tensor, global_model: GlobalModel, batch: ClientBatch
) -> LocalGradients:
    """Differentiate every client's loss, penalty included; users [C, d] are the clients' own embeddings.

    The loss that is reported stays Eq. (2), so that runs with and without a defense compare.
    """
    gradients = model.local_gradients(users, global_model, batch, loss)
    if defense is None:
        return gradients
    added = defense.penalty_gradients(users, global_model, batch)
    return replace(gradients, users=gradients.users + added.users, rows=gradients.rows + added.rows, penalty=added.loss)
