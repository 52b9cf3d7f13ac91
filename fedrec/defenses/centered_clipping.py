"""Centered clipping: move what stood for one upload before towards the uploads, by at most tau for each; n times the result.

Karimireddy, He, Jaggi, "Learning from History for Byzantine Robust Optimization", ICML 2021, Algorithm 2. `iterations` times:
v <- v + mean_i (x_i - v) min(1, tau / |x_i - v|). The uploads x_i are the gradients of the round. The paper's workers send their momentum,
but here a client takes part in few rounds. With `scope=per_item` each item and each tensor of the scorer has its own v, which stays while
nobody sends anything for it. With `scope=whole_update` v is one vector, and a client sends 0 for an item that it sends no row for.
f = floor((n - 1) / 2); the rule never falls back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fedrec.aggregation import GroupedUploads, Rule, Scope
from fedrec.interfaces import Aggregation, GlobalModel, Positive, Rate, ServerKnowledge, ServerView, Upload


@dataclass(kw_only=True)
class CenteredClipping(Rule):
    paper = "Karimireddy et al., ICML 2021"
    memory = ("history",)

    tau: Rate
    iterations: Positive
    scope: Scope
    history: Mapping[str, Tensor] = field(init=False, default_factory=dict)  # v by `name` of uploads: [M, d] for items, [1, p] otherwise

    def setup(self, known: ServerKnowledge) -> None:
        self.history = {}

    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        self.history = self.history or self._origin(view.model)
        return super().__call__(upload, view)

    def combine(self, uploads: GroupedUploads) -> tuple[Tensor, None]:
        before = self.history[uploads.name]
        centres = before.index_select(0, uploads.keys)
        for _ in range(self.iterations):
            shares = (self.tau / uploads.distances(centres)).clamp_(max=1) * uploads.uniform_weights
            centres = centres * (1 - uploads.totals(shares))[:, None] + uploads.sum(shares)
        self.history = {**self.history, uploads.name: before.index_copy(0, uploads.keys, centres)}
        return centres * uploads.sizes[:, None], None

    def _origin(self, model: GlobalModel) -> dict[str, Tensor]:
        tensors = {name: value.new_zeros(1, value.numel()) for name, value in model.scorer.items()}
        if self.scope == "per_item":
            return {"": torch.zeros_like(model.items), **tensors}
        return {"": torch.cat([model.items.new_zeros(1, model.items.numel()), *tensors.values()], 1)}
