"""The initial embeddings of the released code of MF-FRS, which are those of the paper's numbers on its splits."""

import torch
from torch import Generator, Tensor

from fedrec.interfaces import GlobalModel, Model
from fedrec.randomness import PUBLISHED_SEED

STD = 0.01


def published_embeddings(model: Model, n_users: int, n_items: int) -> tuple[Tensor, GlobalModel]:
    """Return the users [U, d] and the items [M, d] as the released code draws them: from one stream, the items before the users.

    It makes an embedding, which draws its values, and draws them again with the standard deviation of the paper. The first draw is lost:
    of all items at once, and of each user before its own.

    Raises ValueError if the model has a scorer, which the released code of MF-FRS has not.
    """
    users, like = model.initialise(1, 1, Generator())  # for their shapes
    if like.scorer:
        raise ValueError("system.initial = published: known for model=mf only; allowed here is random")
    generator, dim = Generator().manual_seed(PUBLISHED_SEED), users.shape[1]
    items = torch.randn(2 * n_items, dim, generator=generator)[n_items:]
    return torch.randn(2 * n_users, dim, generator=generator)[1::2] * STD, GlobalModel(items * STD)
