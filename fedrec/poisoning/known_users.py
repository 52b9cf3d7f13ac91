"""The attacker centre of FedRecA: its own copies of the users whose interactions it knows in part.

Under a model of users' graphs a copy has no items of its own, known ones neither. It is free to become what the true user and its graph
make together, so that a few known items are not taken for the whole graph.
"""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from fedrec.data.federated_data import FederatedData
from fedrec.interfaces import AttackerKnowledge, GlobalModel, Interactions
from fedrec.models.losses import bpr
from fedrec.randomness import generator


class KnownUsers:
    """Embeddings of the n users with known interactions, from N(0, std^2); `known.prior.interactions` must be given."""

    def __init__(self, known: AttackerKnowledge, std: float, learning_rate: float) -> None:
        assert known.prior.interactions is not None
        users, self.items = known.prior.interactions
        _, self.owners, sizes = users.unique_consecutive(return_inverse=True, return_counts=True)
        self.model, self.seed, device = known.model, known.seed, self.items.device
        offsets = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
        self.pairs = Interactions(offsets.cpu(), self.items.int().cpu(), known.n_items)
        like, _ = known.model.initialise(len(sizes), 1, generator(known.seed, "shape"))  # [n, d]
        self.users = (std * torch.randn(like.shape, generator=generator(known.seed, "users"))).to(device).requires_grad_()
        self.optimizer = torch.optim.Adam([self.users], lr=learning_rate)

    def fit(self, round: int, global_model: GlobalModel) -> Tensor:
        """Train for one epoch of Bayesian personalised ranking with a drawn negative for each known item; return the embeddings [n, d]."""
        data = FederatedData.draw(self.pairs, 1, "distinct", generator(self.seed, f"negatives/{round}")).to(self.users.device)
        batch = replace(data.batch(torch.arange(len(self.users), device=self.users.device)), positives_are_own=False)
        self.users.grad = self.model.local_gradients(self.users.detach(), global_model, batch, bpr).users
        self.optimizer.step()
        return self.users.detach().clone()

    def known_of(self, users: slice) -> tuple[Tensor, Tensor]:
        """Return the known pairs of a block of users: the user's place in the block [k], and the item [k]."""
        pairs = slice(int(self.pairs.offsets[users.start]), int(self.pairs.offsets[users.stop]))
        return self.owners[pairs] - users.start, self.items[pairs]

    def state_dict(self) -> dict[str, Any]:
        return copy.deepcopy({"users": self.users.detach(), "optimizer": self.optimizer.state_dict()})

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.users.data.copy_(state["users"])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
