"""What the released code of MF-FRS starts from. All of it follows from one seed, so that the paper's numbers come from one start.

NumPy draws the target items (`poisoning/targets.py`) and then D_i, user by user: an item that the user trained on is drawn again. PyTorch
draws the embeddings.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from fedrec.data.federated_data import FederatedData, require_countable
from fedrec.interfaces import GlobalModel, Interactions, Model
from fedrec.randomness import PUBLISHED_SEED

STD = 0.01
DRAWN_AT_ONCE = 1 << 20


def published_start(train: Interactions, negatives_per_positive: int, model: Model) -> tuple[FederatedData, Tensor, GlobalModel]:
    """Return D_i, the users [U, d] and the items [M, d] of the released code; on its own splits they are its own, to the bit.

    Raises ValueError if the model has a scorer, which the released code of MF-FRS has not.
    """
    users, like = model.initialise(1, 1, Generator())  # for their shapes
    if like.scorer:
        raise ValueError("system.initial = published: known for model=mf only; allowed here is random")
    return published_data(train, negatives_per_positive), *published_embeddings(train.n_users, train.n_items, users.shape[1])


def published_data(train: Interactions, negatives_per_positive: int) -> FederatedData:
    """Draw q negatives for each positive, with replacement. A user who has trained on all items gets none.

    Raises ValueError if there are more pairs than can be counted.
    """
    require_countable(len(train.items), negatives_per_positive, len(train.items) * negatives_per_positive)
    random = np.random.RandomState(PUBLISHED_SEED)
    random.choice(train.n_items, 1, replace=False)  # the targets, however many
    stream, used = np.zeros(0, np.int64), 0
    seen, offsets, items = np.zeros(train.n_items, bool), train.offsets.numpy(), train.items.numpy()
    pairs: list[NDArray[np.int64]] = []
    sizes = np.zeros((train.n_users, 2), np.int64)  # positives, negatives
    for user in range(train.n_users):
        own = items[offsets[user] : offsets[user + 1]]
        seen[own] = True
        wanted = len(own) * negatives_per_positive if not seen.all() else 0
        while len(drawn := np.flatnonzero(~seen[stream[used:]])[:wanted]) < wanted:
            stream, used = np.concatenate([stream[used:], random.randint(train.n_items, size=DRAWN_AT_ONCE)]), 0
        pairs += [own, stream[used + drawn]]
        sizes[user] = len(own), wanted
        used += int(drawn[-1]) + 1 if wanted else 0
        seen[own] = False
    ends = np.concatenate([[0], sizes.sum(1).cumsum()])
    labels = np.tile([1.0, 0.0], train.n_users).repeat(sizes.ravel())
    parts = torch.from_numpy(ends), torch.from_numpy(np.concatenate(pairs)), torch.from_numpy(labels)
    return FederatedData.of(*parts, train.n_items)


def published_embeddings(n_users: int, n_items: int, dim: int) -> tuple[Tensor, GlobalModel]:
    """Draw users [U, d] and items [M, d] from one stream, the items before the users.

    The released code makes an embedding, which draws its values, and draws them again with the standard deviation of the paper. The
    first draw is lost: of all items at once, and of each user before its own.
    """
    generator = Generator().manual_seed(PUBLISHED_SEED)
    items = torch.randn(2 * n_items, dim, generator=generator)[n_items:]
    return torch.randn(2 * n_users, dim, generator=generator)[1::2] * STD, GlobalModel(items * STD)
