"""NormBound: no upload is longer than C.

Sun, Kairouz, Suresh, McMahan, "Can You Really Backdoor Federated Learning?", 2019, norm thresholding: x min(1, C / |x|). The rule clips
every row of an item, every bias of the scorer and the weights of every unit of it; with `scope=whole_update` it clips all that a client
sends as one vector. There is no f and no fallback.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.aggregation import Scope, WholeUpdates, one_row_each
from fedrec.interfaces import DenseScorerGradients, Rate, ScorerPart, ServerView, Transform, Upload


@dataclass(kw_only=True)
class NormBound(Transform):
    paper = "Sun et al., 2019"
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"

    C: Rate
    scope: Scope

    def __call__(self, upload: Upload, view: ServerView) -> Upload:
        if self.scope == "whole_update":
            return upload.weighted(self._factors(WholeUpdates.of(upload, view.model).lengths()))
        upload = one_row_each(upload, len(view.model.items))  # or a client could evade the bound by sending a row in parts
        groups = tuple(group.scaled(self._factors(group.lengths())) for group in upload.groups)
        senders, gradients = upload.scorer_rows()
        clipped = {name: value * self._factors(torch.linalg.vector_norm(value, dim=1, keepdim=True)) for name, value in gradients.items()}
        return Upload(upload.clients, groups, (ScorerPart(senders, DenseScorerGradients(clipped)),) if clipped else ())

    def _factors(self, lengths: Tensor) -> Tensor:
        return (self.C / lengths).clamp_(max=1)
