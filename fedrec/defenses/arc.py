"""ARC (adaptive robust clipping): the longest uploads become as long as the next one.

Allouah, Guerraoui, Gupta, Jellouli, Rizk, Stephan, "Adaptive Gradient Clipping for Robust Federated Learning", ICLR 2025, Algorithm 2: the
k = floor(2 (f / n) (n - f)) longest of n uploads are clipped to the length of the one that is longest among the others. With
`scope=whole_update` all that a client sends is one upload, as in the paper; `scope=per_item` clips the rows for each item by themselves,
and those for each tensor of the scorer as vectors. f = floor(malicious_share n). If f = 0 nothing is clipped; there is no fallback.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.aggregation import Scope, WholeUpdates, number_tolerated, one_row_each, shortened
from fedrec.interfaces import DenseScorerGradients, ScorerPart, ServerView, Share, Transform, Upload


@dataclass(kw_only=True)
class AdaptiveRobustClipping(Transform):
    paper = "Allouah et al., ICLR 2025"
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"
    keeps_models = False

    malicious_share: Share
    scope: Scope

    def __call__(self, upload: Upload, view: ServerView) -> Upload:
        if self.scope == "whole_update":
            return upload.weighted(self._factors_of_one(WholeUpdates.of(upload, view.model).lengths()))
        upload = one_row_each(upload, len(view.model.items))  # or the rows of one client for an item would count as many
        lengths = torch.cat([group.lengths() for group in upload.groups])
        parts = self._factors(lengths, upload.items, len(view.model.items)).split([len(group.items) for group in upload.groups])
        groups = tuple(group.scaled(factors) for group, factors in zip(upload.groups, parts, strict=True))
        senders, gradients = upload.scorer_rows()
        clipped = {name: self._clipped(value) for name, value in gradients.items()}
        return Upload(upload.clients, groups, (ScorerPart(senders, DenseScorerGradients(clipped)),) if clipped else ())

    def _factors(self, lengths: Tensor, groups: Tensor, n_groups: int) -> Tensor:
        """Return what uploads of these lengths [N] are multiplied by, each in its group [N]."""
        order = lengths.argsort(descending=True)
        order = order[groups[order].argsort(stable=True)]  # group by group, the longest first
        sizes = torch.bincount(groups, minlength=n_groups)  # [J]
        f = number_tolerated(self.malicious_share, sizes)
        n_clipped = 2 * f * (sizes - f) // sizes.clamp(min=1)
        next_ones = (sizes.cumsum(0) - sizes + n_clipped).clamp(max=len(lengths) - 1)  # an empty group has none, but nobody asks for it
        return shortened(lengths, lengths[order[next_ones]][groups]) if len(lengths) else lengths

    def _factors_of_one(self, lengths: Tensor) -> Tensor:
        return self._factors(lengths, torch.zeros_like(lengths, dtype=torch.int64), 1)

    def _clipped(self, gradients: Tensor) -> Tensor:
        factors = self._factors_of_one(torch.linalg.vector_norm(gradients.flatten(1), dim=1))
        return torch.einsum("c,c...->c...", factors, gradients)
