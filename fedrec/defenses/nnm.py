"""Nearest-neighbour mixing: each upload becomes the mean of the n - f uploads closest to it, itself included.

Allouah, Farhadkhani, Guerraoui, Gupta, Pinot, Stephan, "Fixing by Mixing: A Recipe for Optimal Byzantine ML under Heterogeneity", AISTATS
2023, Algorithm 2. It mixes the uploads for an item, and those for a tensor of the scorer as vectors. f = floor(malicious_share n_j); of
equally close uploads those sampled first are taken. If f = 0, all uploads become their mean; there is no fallback.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.aggregation import GroupedUploads, number_tolerated, pairwise_distances
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
        """Return what each upload becomes, [N, p]."""
        mixed = torch.empty_like(uploads.rows)
        f = number_tolerated(self.malicious_share, uploads.sizes).tolist()
        for block in uploads.blocks():
            rows, n_mixed = uploads.rows_of(block), block.size - f[block.groups.start]
            if n_mixed < block.size:
                near = nearest(pairwise_distances(rows @ rows.mT, "original"), n_mixed)
                means = near.to(rows.dtype) @ rows / n_mixed
            else:
                means = rows.mean(1, keepdim=True).expand_as(rows)
            mixed[block.uploads] = means.flatten(0, 1)
        return mixed


def nearest(distances: Tensor, n: int) -> Tensor:
    """Return which n uploads are nearest to each, of equally near ones the first; [g, m, m] -> [g, m, m] bool.

    >>> nearest(torch.tensor([[[0.0, 1.0, 1.0], [1.0, 0.0, 4.0], [1.0, 4.0, 0.0]]]), 2).int().tolist()
    [[[1, 1, 0], [1, 1, 0], [1, 0, 1]]]
    """
    ascending = distances.clone()
    sort_(ascending)
    farthest = ascending[..., n - 1 : n]  # [g, m, 1]
    nearer, alike = distances < farthest, distances == farthest
    return nearer | alike & (alike.cumsum(-1) <= n - nearer.sum(-1, keepdim=True))
