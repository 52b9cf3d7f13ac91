"""What attacks share that see statistics of the round's benign uploads (`attack.prior=uploads`): the generic attacks on federated learning.

Their authors poison the whole update, and so do these: every malicious client of a round sends the same row for each item that a benign
client sends one for, and the same gradient of each tensor of the scorer. An attack decides item by item and tensor by tensor, from the
uploads for that item or tensor. `kappa` limits the rows of a client; they are drawn anew for each client and round.

With targets an attack poisons the target rows only, of targets that a benign client sends a row for, and not the scorer. Papers about
federated learning have no targets, so what promotes is chosen here as in PIECK: a target shall come closer to the mean embedding of
popular items, because their embeddings point where most users' do. Popular are the `popular_items` items with the most benign uploads in
the round, targets aside. A gradient promotes if its scalar product with this goal is negative: the server subtracts it.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fedrec.interfaces import (
    Attack,
    AttackerView,
    BenignUploads,
    DenseScorerGradients,
    GlobalModel,
    Number,
    Positive,
    PriorWanted,
    RowGroup,
    ScorerPart,
    SharedRows,
    Upload,
    UploadStatistics,
)
from fedrec.randomness import generator


@dataclass(kw_only=True)
class OmniscientAttack(Attack):
    """An attack on what the benign clients of a round upload; it needs `rows`."""

    promotes = False
    keeps_models = False
    knowledge = "statistics of the round's benign uploads"
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"

    num_targets: Number
    prior: Literal["uploads"]
    kappa: Positive | None
    popular_items: Positive

    def prior_wanted(self) -> PriorWanted:
        return PriorWanted(uploads=True)

    @abstractmethod
    def rows(self, uploads: UploadStatistics, n_malicious: Tensor, goal: Tensor | None) -> Tensor:
        """Return what each malicious client sends for each of J things that it sends something for, [J, p].

        `n_malicious` [J] int64 is how many send something for each. `goal` [p] is the unit vector towards which targets shall move; None
        without targets.
        """

    def poison(self, view: AttackerView) -> Upload:
        assert view.uploads is not None
        uploads = view.uploads
        if not len(self.known.target_items):
            everybody = torch.tensor([len(view.clients)], device=view.clients.device)
            scorer = {name: self.rows(tensor, everybody, None) for name, tensor in uploads.scorer.items()}
            return self._upload(view, uploads.items, uploads, None, same_scorer(view, scorer))
        is_target = torch.isin(uploads.items, self.known.target_items)
        return self._upload(view, uploads.items[is_target], uploads.only(is_target), self._goal(uploads, is_target, view.model), ())

    def _goal(self, uploads: BenignUploads, is_target: Tensor, model: GlobalModel) -> Tensor:
        """Return the direction of the mean embedding of popular items, [d]; 0 if benign clients send rows for targets only."""
        order = uploads.counts.argsort(descending=True, stable=True)
        popular = uploads.items[order[~is_target[order]][: self.popular_items]]
        return normalize(model.items.index_select(0, popular).sum(0), dim=0)

    def _upload(
        self, view: AttackerView, items: Tensor, uploads: UploadStatistics, goal: Tensor | None, parts: tuple[ScorerPart, ...]
    ) -> Upload:
        """Return the upload in which all clients send the parts of the scorer, and rows for items [J], each at most `kappa` of them."""
        n, everybody = len(view.clients), torch.arange(len(view.clients), device=items.device)
        if self.kappa is None or self.kappa >= len(items):
            rows = self.rows(uploads, torch.full_like(items, n), goal)
            offsets = len(items) * torch.arange(n + 1, dtype=torch.int32, device=items.device)
            return Upload(view.clients, (RowGroup(everybody, offsets, items.int().repeat(n), (SharedRows(rows),)),), parts)
        keys = torch.rand(n, len(items), generator=generator(self.known.seed, f"rows/{view.round}"))
        drawn = keys.topk(self.kappa).indices.sort().values.to(items.device)
        places = drawn[view.clients.argsort().argsort()].flatten()
        rows = self.rows(uploads, torch.bincount(places, minlength=len(items)), goal)
        segments = everybody.repeat_interleave(self.kappa)
        return Upload.of_rows(view.clients, items[places], segments, rows.index_select(0, places), parts)


def turned_means(uploads: UploadStatistics, goal: Tensor | None) -> Tensor:
    """Return the negative means, [J, p]; with a goal [p] the means that lead away from it turned, so that none does."""
    return -uploads.means if goal is None else uploads.means * -(uploads.means @ goal).sign()[:, None]


def same_scorer(view: AttackerView, gradients: Mapping[str, Tensor]) -> tuple[ScorerPart, ...]:
    """Return the part of an upload in which all clients send the same gradients of the scorer, each flat in any shape; none without any."""
    everybody, scorer = torch.arange(len(view.clients), device=view.clients.device), view.model.scorer
    parts = {name: value.view_as(scorer[name]).expand(len(everybody), *scorer[name].shape) for name, value in gradients.items()}
    return (ScorerPart(everybody, DenseScorerGradients(parts)),) if parts else ()
