"""Fed-LightGCN as its equations say it: one client, one node and one edge after another, in the precision of its input."""

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from unittest import mock

import torch
from torch import Tensor

from tests.reference import attacks, promoting_attacks, untargeted_attacks
from tests.reference.federation import BenignClient, Parameters, psi

USER = -1  # the node of the user; an item's node is its number


def propagate(user: Tensor, own: Mapping[int, Tensor]) -> tuple[Tensor, dict[int, Tensor]]:
    """Return u' and the v' of the user's own items: the mean of layers 0 and 1, symmetrically normalised; [d], {item: [d]}."""
    layer = {USER: user, **own}
    edges = [(USER, item) for item in own] + [(item, USER) for item in own]
    degree = {node: sum(start == node for start, _ in edges) for node in layer}
    means = {}
    for node, embedding in layer.items():
        received = torch.zeros_like(embedding)
        for start, end in edges:
            if end == node:
                received = received + layer[start] / math.sqrt(degree[start] * degree[end])
        means[node] = (embedding + received) / 2
    return means.pop(USER), means


def scores(user: Tensor, own: Mapping[int, Tensor], items: Mapping[int, Tensor], scorer: Parameters) -> dict[int, Tensor]:
    """Return the score of each item; one that is not the user's own has no neighbour."""
    of_user, of_own = propagate(user, own)
    return {item: psi(of_user, of_own.get(item, row / 2)[None], scorer)[0] for item, row in items.items()}


class StarClient(BenignClient):
    """A benign client that propagates over its own positives before it scores."""

    def forward(self, rows: Tensor, scorer: Parameters) -> Tensor:
        own: dict[int, Tensor] = {}
        for draw in range(self.n_positives):
            own.setdefault(int(self.pairs[draw]), rows[draw])
        found = scores(self.embedding.weight[0], own, dict(zip(self.pairs.tolist(), rows, strict=True)), scorer)
        return torch.stack([found[item] for item in self.pairs.tolist()]) if found else super().forward(rows, scorer)


def _of_a_lonely_user(users: Tensor, rows: Tensor, scorer: Parameters) -> Tensor:
    return psi(users / 2, rows / 2, scorer)


class LonelyClient(BenignClient):
    """A user without items, which only an attacker makes up."""

    def forward(self, rows: Tensor, scorer: Parameters) -> Tensor:
        return _of_a_lonely_user(self.embedding.weight, rows, scorer)


@contextmanager
def attacks_on_star_graphs() -> Iterator[None]:
    """Let the oracles of the attacks score users without items. What passes for an honest upload is that of a user with items."""
    with ExitStack() as patches:
        patches.enter_context(mock.patch.multiple(attacks, psi=_of_a_lonely_user, BenignClient=StarClient))
        patches.enter_context(mock.patch.multiple(promoting_attacks, psi=_of_a_lonely_user, BenignClient=LonelyClient))
        patches.enter_context(mock.patch.object(untargeted_attacks, "psi", _of_a_lonely_user))
        patches.enter_context(mock.patch.object(untargeted_attacks.Honest, "trained", LonelyClient))
        patches.enter_context(mock.patch.object(untargeted_attacks.ClusterAttack, "trained", StarClient))
        yield
