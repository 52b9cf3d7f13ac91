"""Spattack: uploads for items that few benign clients train on decide what these items become.

Zhang et al., "Rethinking Byzantine Robustness in Federated Recommendation from Sparse Aggregation Perspective", AAAI 2025. Spattack-L: all
clients upload the same row for an item; the rows are drawn from N(0, 1) once for the whole training. Spattack-O (`prior=uploads`): of an
item's m malicious clients in a round each uploads -1 / m times the sum of the benign rows, so that nothing is learned. Spattack-LD and -OD
upload rows for all items (`kappa=null`). Spattack-LS and -OS upload `kappa` items, which each client draws once: by popularity if
the attacker is told it, and by the number of benign uploads in the client's first round if it is told those. The paper takes as many items
as the busiest benign client has.

The paper attacks matrix factorisation, and averages the rows of an item where this server adds them up. Under DL-FRS each of the m
malicious clients of Spattack-O uploads for each tensor of the scorer -1 / m times the sum of the benign gradients; Spattack-L sends rows of
items alone.
"""

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from fedrec.interfaces import (
    Attack,
    AttackerKnowledge,
    AttackerView,
    BenignUploads,
    Number,
    Positive,
    PriorWanted,
    ScorerPart,
    Upload,
)
from fedrec.poisoning.omniscient import same_scorer
from fedrec.randomness import generator

UNDECIDED = -1  # in place of an item
LEAST = 1e-9  # weight of items without popularity, which are drawn last


@dataclass(kw_only=True)
class Spattack(Attack):
    paper = "Zhang et al., AAAI 2025"
    knowledge = "none, items' popularity, or the round's benign uploads"
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"
    promotes = False
    memory = ("chosen",)

    num_targets: Number
    prior: Literal["masked", "popularity", "uploads"]
    kappa: Positive | None
    drawn: Tensor = field(init=False)  # [M, d], the rows of Spattack-L
    chosen: Tensor = field(init=False)  # [n_clients, kappa] items

    def prior_wanted(self) -> PriorWanted:
        return PriorWanted(popularity=self.prior == "popularity", uploads=self.prior == "uploads")

    def setup(self, known: AttackerKnowledge) -> None:
        super().setup(known)
        if self.kappa is not None and self.kappa > known.n_items:
            raise ValueError(f"attack.kappa = {self.kappa}: at most {known.n_items}, the items; null takes all")
        _, like = known.model.initialise(1, known.n_items, generator(known.seed, "shape"))  # [M, d]
        self.drawn = torch.randn(like.items.shape, generator=generator(known.seed, "rows")).to(known.target_items.device)
        self.chosen = torch.full((known.n_clients, self.kappa or 0), UNDECIDED, device=known.target_items.device)

    def poison(self, view: AttackerView) -> Upload:
        items = self.items(view)  # [A, n]
        rows = self.drawn if view.uploads is None else self.opposed(items, view.uploads)  # [M, d]
        segments = torch.arange(len(items), device=items.device).repeat_interleave(items.shape[1])
        return Upload.of_rows(view.clients, items.flatten(), segments, rows.index_select(0, items.flatten()), self.opposed_scorer(view))

    def opposed(self, items: Tensor, uploads: BenignUploads) -> Tensor:
        """Return -1 / m times the sum of the benign rows, [M, d], for the m clients of each item; items [A, n]."""
        counts = torch.bincount(items.flatten(), minlength=self.known.n_items).clamp(min=1)
        sums = torch.zeros_like(self.drawn).index_copy(0, uploads.items, uploads.sums)
        return -sums / counts[:, None]

    def opposed_scorer(self, view: AttackerView) -> tuple[ScorerPart, ...]:
        """Return -1 / m times the sum of the benign gradients of the scorer for each of m clients; nothing if none are known."""
        m, tensors = max(len(view.clients), 1), view.uploads.scorer if view.uploads else {}
        return same_scorer(view, {name: -tensor.sums / m for name, tensor in tensors.items()})

    def items(self, view: AttackerView) -> Tensor:
        """Return the items of each client, [A, n]."""
        if self.kappa is None:
            return torch.arange(self.known.n_items, device=self.drawn.device).expand(len(view.clients), -1)
        new = view.clients[self.chosen[view.clients, 0] == UNDECIDED].sort().values  # so that the order of clients plays no part
        drawing = generator(self.known.seed, f"items/{view.round}")
        keys = torch.empty(len(new), self.known.n_items).exponential_(generator=drawing).to(self.drawn) / self.weights(view)
        self.chosen[new] = keys.topk(self.kappa, largest=False).indices
        return self.chosen[view.clients]

    def weights(self, view: AttackerView) -> Tensor:
        """Return what the probabilities of a draw are proportional to, [M] > 0."""
        weights = torch.ones_like(self.drawn[:, 0])
        if view.uploads is not None:
            weights = torch.zeros_like(weights).index_copy(0, view.uploads.items, view.uploads.counts.to(weights.dtype))
        elif self.known.prior.popularity is not None:
            weights = self.known.prior.popularity.to(weights.dtype)
        return weights.clamp(min=LEAST)
