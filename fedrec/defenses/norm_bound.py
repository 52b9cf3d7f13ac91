"""NormBound: no upload is longer than C.

Sun et al., "Can You Really Backdoor Federated Learning?", 2019. Clips each row of an item, and of the scorer each bias
and the weights of each unit; with `scope=whole_update` all that a client sends as one vector.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from fedrec.aggregation.grouped_uploads import one_row_each
from fedrec.aggregation.whole_updates import WholeUpdates
from fedrec.interfaces import DenseScorerGradients, Rate, ScorerPart, ServerView, Transform, Upload


@dataclass(kw_only=True)
class NormBound(Transform):
    paper = "Sun et al., 2019"
    applies_to = "MF-FRS, DL-FRS"

    C: Rate
    scope: Literal["per_item", "whole_update"]

    def __call__(self, upload: Upload, view: ServerView) -> Upload:
        if self.scope == "whole_update":
            return upload.weighted(self._factors(WholeUpdates(upload, view.model).lengths()))
        upload = one_row_each(upload, len(view.model.items))  # or sending a row twice would get round the bound
        groups = tuple(group.scaled(self._factors(group.lengths())) for group in upload.groups)
        senders, gradients = upload.scorer_rows()
        clipped = {name: value * self._factors(torch.linalg.vector_norm(value, dim=1, keepdim=True)) for name, value in gradients.items()}
        return Upload(upload.clients, groups, (ScorerPart(senders, DenseScorerGradients(clipped)),) if clipped else ())

    def _factors(self, lengths: Tensor) -> Tensor:
        return (self.C / lengths).clamp_(max=1)
