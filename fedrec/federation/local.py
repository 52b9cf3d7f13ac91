"""Local training of all benign clients of a round as one batch (Sec. III-A, step 2; Eq. 16 with a client-side defense)."""

from dataclasses import replace

from torch import Tensor

from fedrec.interfaces import ClientBatch, ClientDefense, GlobalModel, LocalGradients, Loss, Model


def local_update(
    model: Model, loss: Loss, defense: ClientDefense | None, users: Tensor, global_model: GlobalModel, batch: ClientBatch
) -> tuple[LocalGradients, Tensor | None]:
    """Gradients of every client's loss, penalty included, and the penalties [C]; users [C, d] are the clients' embeddings.

    The loss that is reported stays Eq. (2): it is comparable with and without a defense.
    """
    training = model.local_gradients(users, global_model, batch, loss)
    if defense is None:
        return training, None
    penalty = defense.penalty_gradients(users, global_model, batch)
    gradients = replace(training, users=training.users + penalty.users, rows=training.rows + penalty.rows)
    return gradients, penalty.loss
