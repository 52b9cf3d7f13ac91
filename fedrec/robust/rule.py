"""A robust rule in place of the plain sum: item by item, and for each tensor of the interaction function across clients as one vector."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from fedrec.interfaces import Aggregation, Aggregator, GlobalModel, ServerView, Share
from fedrec.robust.blocks import Block, ItemUploads
from fedrec.robust.whole_update import products_of_updates
from fedrec.uploads import Upload


@dataclass(kw_only=True)
class Rule(Aggregator):
    """Combines the n uploads for an item.

    Results are on the scale of the sum they replace, n times what stands for one upload, so the learning rate keeps its meaning.
    """

    @abstractmethod
    def combine(self, block: Block, f: int) -> tuple[Tensor, Tensor | None]:
        """The result [g, p], and which uploads it was made of, [g, n] bool, if the rule selects."""

    @abstractmethod
    def tolerated(self, n: int) -> int:
        """f: how many malicious ones among n uploads the rule is made for."""

    def applies(self, n: int) -> bool:
        """Whether n uploads are enough for the rule."""
        return True

    def instead(self, block: Block) -> Tensor:
        """The result where they are not, [g, p]."""
        return block.rows.sum(1)

    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        total, nothing = torch.zeros_like(view.model.items), upload.items.new_zeros(0, dtype=torch.int64)
        fell_back, unguarded, judged, kept = [nothing], [nothing], [nothing], [nothing.bool()]
        for items, block in ItemUploads.of(upload, len(total)).blocks():
            total[items], chosen = self._result(block)
            if not self.applies(block.n):
                fell_back.append(items)
            elif not self.tolerated(block.n):
                unguarded.append(items)
            if chosen is not None:
                judged.append(block.senders.flatten())
                kept.append(chosen.flatten())
        senders, gradients = upload.interaction_rows()
        interaction = {}
        for name, value in gradients.items():
            block = Block(value.flatten(1)[None], senders[None])
            result, chosen = self._result(block)
            interaction[name] = result.view(value.shape[1:])
            if chosen is not None:
                judged.append(senders)
                kept.append(chosen[0])
        decisions = (torch.cat(judged), torch.cat(kept)) if len(judged) > 1 else (None, None)
        return Aggregation(GlobalModel(total, interaction), torch.cat(fell_back), torch.cat(unguarded), *decisions)

    def _result(self, block: Block) -> tuple[Tensor, Tensor | None]:
        if self.applies(block.n):
            return self.combine(block, self.tolerated(block.n))
        return self.instead(block), None


@dataclass(kw_only=True)
class GuardedRule(Rule):
    """A rule that is told what share of uploads to expect to be malicious, and that needs enough of them."""

    malicious_share: Share
    fallback: Literal["sum", "skip"]

    def fewest(self, f: int) -> int:
        """How many uploads the rule needs if f of them are malicious; with fewer it falls back."""
        return 1

    def tolerated(self, n: int) -> int:
        return math.floor(self.malicious_share * n + 1e-9)

    def applies(self, n: int) -> bool:
        return n >= self.fewest(self.tolerated(n))

    def instead(self, block: Block) -> Tensor:
        total = super().instead(block)
        return total if self.fallback == "sum" else torch.zeros_like(total)


@dataclass(kw_only=True)
class Weighting(GuardedRule):
    """A rule that sees no more of uploads than their scalar products, and weighs them: so it can weigh whole updates, too."""

    scope: Literal["per_item", "whole_update"]

    selects: ClassVar[bool] = False

    @abstractmethod
    def weights(self, products: Tensor, f: int) -> Tensor:
        """Of n uploads, from their products [g, n, n]: [g, n]."""

    def combine(self, block: Block, f: int) -> tuple[Tensor, Tensor | None]:
        weights = self.weights(block.products, f)
        return (weights[:, None] @ block.rows)[:, 0], weights > 0 if self.selects else None

    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        if self.scope == "per_item":
            return super().__call__(upload, view)
        n_items, n, touched = len(view.model.items), len(upload.clients), upload.items.unique().long()
        if not self.applies(n):
            weights = view.model.items.new_full((n,), float(self.fallback == "sum"))
            return Aggregation(GlobalModel(*upload.weighted(weights).total(n_items)), fell_back=touched)
        f = self.tolerated(n)
        weights = self.weights(products_of_updates(upload, n_items)[None], f)[0]
        gradient, nothing = GlobalModel(*upload.weighted(weights).total(n_items)), touched[:0]
        decisions = (torch.arange(n, device=weights.device), weights > 0) if self.selects else (None, None)
        return Aggregation(gradient, nothing, nothing if f else touched, *decisions)
