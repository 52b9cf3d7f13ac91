"""Users that malicious clients train to stand for real ones that defend themselves with `ours` (`attack.adaptive` of PIECK).

Equations are those of Zhang et al., PIECK, ICDE 2024.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, softmax

from fedrec.data.drawing import draw_unseen
from fedrec.interfaces import AttackerKnowledge, AttackerView
from fedrec.poisoning.fake_users import equal_batch
from fedrec.randomness import generator

SEPARATED = 10  # N of the defense: popular items that Re2 drives users away from
LIKED = 5  # popular items that a stand-in likes, at most
NOTHING = -1  # in place of an item


class StandInUsers:
    """A user for each malicious client, which likes a few of the items that the client has mined and as many other items not.

    Its profile is drawn once. Whenever its client takes part it takes a step as a user with the defense does: on the loss of the federation
    minus gamma times Re2 (Eq. 15 with KL(u || v_k), summed over the coordinates). Items stay, so Re1 plays no part. Raises ValueError if
    there are too few items.
    """

    def __init__(self, known: AttackerKnowledge, n_mined: int, gamma: float) -> None:
        users, _ = known.model.initialise(known.n_clients, 1, generator(known.seed, "stand-ins"))
        half = min(LIKED, n_mined, (known.n_items - len(known.target_items)) // 2)
        if not half:
            raise ValueError(f"adaptive = true: the {known.n_items} items must be two more than the targets, or a stand-in has no profile")
        self.gamma, self.known, self.users = gamma, known, users.to(known.target_items.device)  # [n_clients, d]
        self.profiles = torch.full((known.n_clients, 2 * half), NOTHING)  # [n_clients, 2 P] those to like first

    def train(self, view: AttackerView, clients: Tensor, mined: Tensor) -> Tensor:
        """Return the users of clients [A], who have mined popular items [A, N], after a step; [A, d]. Both lie on the CPU."""
        new = self.profiles[clients, 0] == NOTHING
        if new.any():
            self._draw(clients[new], mined[new], view.round)
        profiles, device = self.profiles[clients], self.users.device
        labels = (torch.arange(profiles.shape[1]) < profiles.shape[1] // 2).to(self.users.dtype).expand(profiles.shape).contiguous()
        own, batch = clients.to(device), equal_batch(profiles.to(device), labels.to(device))
        gradient = self.known.model.local_gradients(self.users[own], view.model, batch, self.known.loss).users
        popular = view.model.items[mined[:, :SEPARATED].to(device)]
        self.users[own] -= view.learning_rate * (gradient - self.gamma * separation_gradient(self.users[own], popular))
        return self.users[own]

    def _draw(self, clients: Tensor, mined: Tensor, round: int) -> None:
        """Draw profiles for clients [A], of their mined items [A, N] and others; the lowest client gets the first draws."""
        drawing, half = generator(self.known.seed, f"stand-ins/{round}"), self.profiles.shape[1] // 2
        order = clients.argsort()
        liked = mined[order].gather(1, torch.rand(mined.shape, generator=drawing).topk(half, dim=1).indices)  # [A, P]
        seen = torch.cat([liked.int(), self.known.target_items.cpu().int().expand(len(clients), -1)], 1)
        counts, offsets = torch.full_like(clients, half), torch.arange(len(clients) + 1) * seen.shape[1]
        _, others = draw_unseen(counts, offsets, seen.flatten(), self.known.n_items, drawing)
        self.profiles[clients[order]] = torch.cat([liked, others.view(len(clients), half)], 1).long()

    def state_dict(self) -> dict[str, Any]:
        return {"users": self.users.clone(), "profiles": self.profiles.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.users, self.profiles = state["users"].clone(), state["profiles"].clone()


def separation_gradient(users: Tensor, popular: Tensor) -> Tensor:
    """Return the gradient of Re2, Eq. (15), by users [A, d]; popular [A, K, d], most popular first -> [A, d]."""
    kappa = softmax(-torch.arange(popular.shape[1], dtype=users.dtype, device=users.device), 0)
    log_users = log_softmax(users, 1)
    difference = log_users - torch.einsum("k,akd->ad", kappa, log_softmax(popular, 2))
    probability = log_users.exp()
    return probability * (difference - (probability * difference).sum(1, keepdim=True))
