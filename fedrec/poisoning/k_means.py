"""K-means, several numbers of clusters at once, and the silhouette that tells which number fits best.

Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 1982. Rousseeuw, "Silhouettes: a graphical aid to the
interpretation and validation of cluster analysis", Journal of Computational and Applied Mathematics 1987.
"""

import torch
from torch import Tensor
from torch.nn.functional import one_hot

TOLERANCE = 1e-4  # how far all centres of a clustering may move together in its last iteration


def k_means(points: Tensor, centres: Tensor, used: Tensor, steps: int = 300) -> tuple[Tensor, Tensor]:
    """Return the centres [B, C, d] and the cluster of each point [B, n] of B clusterings that start at the given centres.

    points [n, d]; used [B, C] bool, which centres a clustering has; it takes at most so many steps. A cluster that loses its last point
    keeps its centre.
    """
    unused = torch.zeros_like(centres[..., 0]).masked_fill_(~used, torch.inf)  # [B, C]
    twice = (2 * points).expand(len(centres), -1, -1)
    for _ in range(steps):
        lengths = (centres.square().sum(2) + unused)[:, None]
        distances = torch.baddbmm(lengths, twice, centres.transpose(1, 2), alpha=-1)  # [B, n, C], less what all share
        labels = distances.min(2).indices
        members = torch.zeros_like(distances).scatter_(2, labels[..., None], 1.0)
        counts = members.sum(1)  # [B, C]
        means = members.transpose(1, 2) @ points / counts.clamp(min=1)[..., None]
        moved = torch.where(counts[..., None] > 0, means, centres)
        shift = torch.linalg.vector_norm((moved - centres).flatten(1), dim=1)
        centres = moved
        if bool((shift < TOLERANCE).all()):
            break
    return centres, labels


def silhouettes(points: Tensor, labels: Tensor, n_clusters: int) -> Tensor:
    """Return the mean silhouette of B clusterings of n points, [B]; labels [B, n] in 0..n_clusters-1; -1 if all points share a cluster."""
    members = one_hot(labels, n_clusters).to(points.dtype)  # [B, n, C]
    counts, sums = members.sum(1), torch.cdist(points, points) @ members  # [B, C], [B, n, C]
    own = counts.gather(1, labels)  # [B, n]
    within = sums.gather(2, labels[..., None])[..., 0] / (own - 1).clamp(min=1)
    others = (sums / counts[:, None].clamp(min=1)).masked_fill((counts[:, None] == 0) | (members > 0), torch.inf).amin(2)
    values = (others - within) / torch.maximum(others, within).clamp(min=torch.finfo(points.dtype).tiny)
    means = torch.where(own > 1, values, 0.0).mean(1)
    return torch.where(others.isfinite().all(1), means, -1.0)
