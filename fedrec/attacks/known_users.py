"""The attacker centre of FedRecA: its own copies of the users whose interactions it knows in part."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from fedrec.data.federated_data import FederatedData
from fedrec.data.interactions import Interactions
from fedrec.interfaces import AttackerKnowledge, GlobalModel
from fedrec.models.losses import bpr
from fedrec.randomness import generator


class KnownUsers:
    """Embeddings of the n users with known interactions, from N(0, std^2); `known.prior.interactions` must be given."""

    def __init__(self, known: AttackerKnowledge, std: float, learning_rate: float) -> None:
        assert known.prior.interactions is not None
        users, items = known.prior.interactions
        _, self.owners, sizes = users.unique_consecutive(return_inverse=True, return_counts=True)
        self.items, self.seed, self.device = items, known.seed, items.device
        offsets = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
        self.pairs = Interactions(offsets.cpu(), items.int().cpu(), known.n_items)
        like, _ = known.model.initialise(len(sizes), 1, generator(known.seed, "shape"))  # [n, d]
        self.users = (std * torch.randn(like.shape, generator=generator(known.seed, "users"))).to(self.device).requires_grad_()
        self.model = known.model
        self.optimizer = torch.optim.Adam([self.users], lr=learning_rate)

    def fit(self, round: int, received: GlobalModel) -> Tensor:
        """One epoch of Bayesian personalised ranking, a drawn negative for each known item; returns the embeddings [n, d]."""
        data = FederatedData.draw(self.pairs, 1, generator(self.seed, f"negatives/{round}")).to(self.device)
        batch = data.batch(torch.arange(len(self.users), device=self.device))
        self.users.grad = self.model.local_gradients(self.users.detach(), received, batch, bpr).users
        self.optimizer.step()
        return self.users.detach().clone()

    def mask(self, scores: Tensor) -> None:
        """Known items are not recommended again; [M, n] is overwritten."""
        scores[self.items, self.owners] = -torch.inf

    def missing(self, targets: Tensor) -> Tensor:
        """Whether each target is not among a user's known items; [T] -> [n, T]."""
        missing = torch.ones(len(self.users), len(targets), dtype=torch.bool, device=self.device)
        pair, target = (self.items[:, None] == targets).nonzero(as_tuple=True)
        missing[self.owners[pair], target] = False
        return missing

    def state_dict(self) -> dict[str, Any]:
        return {"users": self.users.detach().clone(), "optimizer": copy.deepcopy(self.optimizer.state_dict())}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.users.data.copy_(state["users"])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
