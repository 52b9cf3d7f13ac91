"""Nearest-neighbour mixing: each upload becomes the mean of the n - f uploads closest to it, itself included.

Allouah, Farhadkhani, Guerraoui, Gupta, Pinot, Stephan, "Fixing by Mixing: A Recipe for Optimal Byzantine ML under Heterogeneity", AISTATS
2023, Algorithm 2. It mixes the uploads for an item, and those for a tensor of the scorer as vectors. f = floor(malicious_share n_j); of
equally close uploads those sampled first are taken. If f = 0, all uploads become their mean; there is no fallback.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.aggregation import GroupedUploads, number_tolerated
from fedrec.interfaces import DenseScorerGradients, ScorerPart, ServerView, Share, Transform, Upload


@dataclass(kw_only=True)
class NearestNeighborMixing(Transform):
    paper = "Allouah et al., AISTATS 2023"
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"

    malicious_share: Share

    def __call__(self, upload: Upload, view: ServerView) -> Upload:
        uploads = GroupedUploads.by_item(upload, len(view.model.items))
        senders, gradients = upload.scorer_rows()
        mixed = {name: self._mixed(GroupedUploads.of_tensor(value, senders)).view_as(value) for name, value in gradients.items()}
        scorer = (ScorerPart(senders, DenseScorerGradients(mixed)),) if mixed else ()
        return Upload.of_rows(upload.clients, uploads.repeat_by_group(uploads.keys), uploads.senders, self._mixed(uploads), scorer)

    def _mixed(self, uploads: GroupedUploads) -> Tensor:
        """Return what each upload becomes, [N, p]."""
        from fedrec.aggregation.compiled_loops import mix

        n_mixed = uploads.sizes - number_tolerated(self.malicious_share, uploads.sizes)
        return torch.from_numpy(mix(uploads.for_loops(), n_mixed.cpu().numpy())).to(uploads.vectors)
