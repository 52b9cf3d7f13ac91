"""A robust rule in place of the plain sum: item by item, and for each tensor of the scorer across clients as one vector."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from fedrec.aggregation.grouped_uploads import GroupedUploads
from fedrec.aggregation.whole_updates import products_of_updates
from fedrec.interfaces import Aggregation, Aggregator, GlobalModel, ServerView, Share, Upload


def number_tolerated(malicious_share: float, sizes: Tensor) -> Tensor:
    """How many of n_j uploads are expected to be malicious, [J] -> [J]."""
    return (malicious_share * sizes.double() + 1e-9).floor().long()


Decisions = tuple[Tensor, Tensor]  # of uploads that a selecting rule decided on: senders [k], and whether they were accepted [k] bool


class Rule(Aggregator):
    """Combines the n_j uploads of each group.

    Results are on the scale of the sum they replace, n_j times what stands for one upload, so the learning rate keeps its meaning.
    """

    @abstractmethod
    def combine(self, uploads: GroupedUploads) -> tuple[Tensor, Tensor | None]:
        """The results [J, p], and, if the rule selects, which uploads they were made of, [N] bool."""

    @abstractmethod
    def tolerated(self, sizes: Tensor) -> Tensor:
        """f: how many malicious ones among n_j uploads the rule is made for; [J] -> [J]."""

    def applies(self, sizes: Tensor) -> Tensor:
        """Whether n_j uploads are enough for the rule; [J] -> [J] bool."""
        return torch.ones_like(sizes, dtype=torch.bool)

    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        uploads = GroupedUploads.by_item(upload, len(view.model.items))
        total, (results, accepted) = torch.zeros_like(view.model.items), self.combine(uploads)
        total[uploads.keys] = results
        senders, gradients = upload.scorer_rows()
        gradients = gradients if len(senders) else {}
        scorer, decided = {}, self._decided(uploads, accepted)
        for name, value in gradients.items():
            of_tensor = GroupedUploads.of_tensor(value, senders, name)
            results, accepted = self.combine(of_tensor)
            scorer[name] = results.view(value.shape[1:])
            decided += self._decided(of_tensor, accepted)
        return self.report(GlobalModel(total, scorer), uploads.keys, uploads.sizes, decided)

    def _decided(self, uploads: GroupedUploads, accepted: Tensor | None) -> list[Decisions]:
        if accepted is None:
            return []
        on = uploads.repeat_by_group(self.applies(uploads.sizes))
        return [(uploads.senders[on], accepted[on])]

    def report(self, gradient: GlobalModel, items: Tensor, sizes: Tensor, decided: list[Decisions]) -> Aggregation:
        """Gradient and decisions; items [J] for which n_j uploads came, or [J] equal numbers of whole updates."""
        applies = self.applies(sizes)
        unguarded = applies & (self.tolerated(sizes) == 0)
        inspected, accepted = map(torch.cat, zip(*decided, strict=True)) if decided else (None, None)
        return Aggregation(gradient, items[~applies], items[unguarded], inspected, accepted)


@dataclass(kw_only=True)
class GuardedRule(Rule):
    """A rule that is told what share of uploads to expect to be malicious, and that needs enough of them."""

    malicious_share: Share
    fallback: Literal["sum", "skip"]

    def tolerated(self, sizes: Tensor) -> Tensor:
        return number_tolerated(self.malicious_share, sizes)

    def applies(self, sizes: Tensor) -> Tensor:
        return sizes >= self.fewest(self.tolerated(sizes))

    def fewest(self, f: Tensor) -> Tensor:
        """How many uploads the rule needs if f of them are malicious; with fewer it falls back. [J] -> [J]."""
        return torch.ones_like(f)


@dataclass(kw_only=True)
class Weighting(GuardedRule):
    """A rule that sees no more of uploads than their scalar products, and weighs them: so it can weigh whole updates, too."""

    scope: Literal["per_item", "whole_update"]

    selects: ClassVar[bool] = False

    @abstractmethod
    def weights(self, products: Tensor, f: int) -> Tensor:
        """Of the n uploads of each of g groups, from their products [g, n, n]: [g, n]."""

    def combine(self, uploads: GroupedUploads) -> tuple[Tensor, Tensor | None]:
        weights = self.weights_of_groups(uploads)  # [N]
        used = weights > 0
        return uploads.only(used).sum(weights[used]), used if self.selects else None

    def weights_of_groups(self, uploads: GroupedUploads) -> Tensor:
        """Of all uploads, [N]; 1 or 0 where the rule falls back."""
        weights = torch.full_like(uploads.coefficients, float(self.fallback == "sum"))
        f, applies = self.tolerated(uploads.sizes).tolist(), self.applies(uploads.sizes).tolist()
        for groups, where, rows in uploads.blocks():
            if applies[groups.start]:
                weights[where] = self.weights(rows @ rows.mT, f[groups.start]).flatten()
        return weights

    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        if self.scope == "per_item":
            return super().__call__(upload, view)
        n, items = len(upload.clients), upload.items.unique().long()
        size, n_items = items.new_tensor([n]), len(view.model.items)
        if self.applies(size):
            weights = self.weights(products_of_updates(upload, n_items)[None], int(self.tolerated(size)))[0]
            gradient = self.weighted(upload, weights, view)
        else:
            weights = view.model.items.new_full((n,), float(self.fallback == "sum"))
            gradient = GlobalModel(*upload.weighted(weights).total(n_items))
        decided = [(torch.arange(n, device=items.device), weights > 0)] if self.selects and self.applies(size) else []
        return self.report(gradient, items, size.expand(len(items)), decided)

    def weighted(self, upload: Upload, weights: Tensor, view: ServerView) -> GlobalModel:
        """The result from the weights of whole updates, [S]."""
        return GlobalModel(*upload.weighted(weights).total(len(view.model.items)))
