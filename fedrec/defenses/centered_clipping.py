"""Centered clipping: from what stood for one upload before, move by the mean of the way to each upload, at most tau long, n times.

Karimireddy, He, Jaggi, "Learning from History for Byzantine Robust Optimization", ICML 2021 (Algorithm 2), `iterations` times:
v <- v + mean_i (x_i - v) min(1, tau / |x_i - v|). Uploads are the gradients of the round, without the workers' momentum of the paper:
here a client takes part in few rounds. With `scope=per_item` each item has its own v, which stays while nobody sends a row for it, and so
has each tensor of the scorer. With `scope=whole_update` v is one vector, and who sends nothing for an item sends 0 for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from fedrec.aggregation.centering import Centring, Uploads
from fedrec.interfaces import Aggregation, GlobalModel, Rate, ServerKnowledge, ServerView, Upload


@dataclass(kw_only=True)
class CenteredClipping(Centring):
    paper = "Karimireddy et al., ICML 2021"
    applies_to = "MF-FRS, DL-FRS"

    tau: Rate
    history: Mapping[str, Tensor] = field(init=False, default_factory=dict)  # v by `name` of uploads: [M, d] of items, [1, p] of all else

    def setup(self, known: ServerKnowledge) -> None:
        self.history = {}

    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        self.history = self.history or self._nothing(view.model)
        return super().__call__(upload, view)

    def centres(self, uploads: Uploads) -> Tensor:
        before = self.history[uploads.name]
        centres = before.index_select(0, uploads.keys)
        for _ in range(self.iterations):
            shares = (self.tau / uploads.distances(centres)).clamp_(max=1) * uploads.uniform_weights
            centres = centres * (1 - uploads.totals(shares))[:, None] + uploads.sum(shares)
        self.history = {**self.history, uploads.name: before.index_copy(0, uploads.keys, centres)}
        return centres

    def _nothing(self, global_model: GlobalModel) -> dict[str, Tensor]:
        tensors = {name: value.new_zeros(1, value.numel()) for name, value in global_model.scorer.items()}
        if self.scope == "per_item":
            return {"": torch.zeros_like(global_model.items), **tensors}
        return {"": torch.cat([global_model.items.new_zeros(1, global_model.items.numel()), *tensors.values()], 1)}

    def state_dict(self) -> dict[str, Any]:
        return {"history": self.history}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.history = state["history"]
