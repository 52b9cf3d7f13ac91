"""Nearest-neighbour mixing: each upload becomes the mean of the n - f uploads closest to it, itself included.

Allouah et al., "Fixing by Mixing: A Recipe for Optimal Byzantine ML under Heterogeneity", AISTATS 2023 (Algorithm 2). Among the uploads for
an item, and among those of each tensor of the scorer as one vector; f = floor(malicious_share n_j); of equally close ones
those sampled first. If f = 0 all become their mean.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.aggregation.grouped_uploads import GroupedUploads
from fedrec.aggregation.krum_scores import pairwise_distances
from fedrec.aggregation.rule import number_tolerated
from fedrec.interfaces import DenseScorerGradients, ScorerPart, ServerView, Share, Transform, Upload
from fedrec.ragged import sort_


@dataclass(kw_only=True)
class NearestNeighborMixing(Transform):
    paper = "Allouah et al., AISTATS 2023"
    applies_to = "MF-FRS, DL-FRS"

    malicious_share: Share

    def __call__(self, upload: Upload, view: ServerView) -> Upload:
        uploads = GroupedUploads.by_item(upload, len(view.model.items))
        senders, gradients = upload.scorer_rows()
        mixed = {name: self._mixed(GroupedUploads.of_tensor(value, senders)).view_as(value) for name, value in gradients.items()}
        scorer = (ScorerPart(senders, DenseScorerGradients(mixed)),) if mixed else ()
        return Upload.of_rows(upload.clients, uploads.repeat_by_group(uploads.keys), uploads.senders, self._mixed(uploads), scorer)

    def _mixed(self, uploads: GroupedUploads) -> Tensor:
        """Of all uploads, [N, p]."""
        mixed = torch.empty_like(uploads.rows)
        f = number_tolerated(self.malicious_share, uploads.sizes).tolist()
        for groups, where, rows in uploads.blocks():
            n_mixed = rows.shape[1] - f[groups.start]
            if f[groups.start]:
                near = nearest(pairwise_distances(rows @ rows.mT, "original"), n_mixed)
                mixed[where] = (near.to(rows.dtype) @ rows / n_mixed).flatten(0, 1)
            else:
                mixed[where] = rows.mean(1, keepdim=True).expand_as(rows).flatten(0, 1)
        return mixed


def nearest(distances: Tensor, n: int) -> Tensor:
    """Which n are nearest to each, of equally near ones the first; distances [g, m, m] -> [g, m, m] bool.

    >>> nearest(torch.tensor([[[0.0, 1.0, 1.0], [1.0, 0.0, 4.0], [1.0, 4.0, 0.0]]]), 2).int().tolist()
    [[[1, 1, 0], [1, 1, 0], [1, 0, 1]]]
    """
    ascending = distances.clone()
    sort_(ascending)
    farthest = ascending[..., n - 1 : n]  # [g, m, 1]
    nearer, alike = distances < farthest, distances == farthest
    return nearer | alike & (alike.cumsum(-1) <= n - nearer.sum(-1, keepdim=True))
