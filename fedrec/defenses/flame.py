"""FLAME: the majority of clients whose updates point in similar directions, clipped to the median length.

Nguyen et al., "FLAME: Taming Backdoors in Federated Learning", USENIX Security 2022, Algorithm 1: HDBSCAN by cosine distances with
min_cluster_size = floor(n / 2) + 1 and min_samples = 1 admits one cluster; its updates are clipped to the median length of all n, and
their mean gets noise N(0, (noise * median length)^2) in each coordinate. With these two settings HDBSCAN is single linkage that stops
where a cluster first holds more than half of the clients. The paper compares local models, which would all point alike after a single
step; as in published implementations for updates, what clients send is compared here. An update of 0 has the distance 1 to all others.
f = floor((n - 1) / 2); the rule never falls back, and of one or two clients it accepts all.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from fedrec.aggregation import ClientSelection, WholeUpdates, shortened
from fedrec.interfaces import Aggregation, GlobalModel, NonNegative, ServerView, Upload

DIGITS = 12  # of a cosine distance; what follows them is rounding


@dataclass(kw_only=True)
class Flame(ClientSelection):
    paper = "Nguyen et al., USENIX Security 2022"

    noise: NonNegative

    def select(self, updates: WholeUpdates, view: ServerView) -> tuple[Tensor, Tensor]:
        lengths = updates.lengths()
        accepted = majority(cosine_distances(updates.for_loops().products))
        return torch.from_numpy(accepted).to(lengths.device), shortened(lengths, lengths.quantile(0.5))

    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        aggregation, n = super().__call__(upload, view), len(upload.clients)
        if not self.noise or not n:
            return aggregation
        deviation = n * self.noise * float(WholeUpdates.of(upload, view.model).lengths().quantile(0.5))
        return replace(aggregation, gradient=with_noise(aggregation.gradient, view.model, deviation, view.generator("flame")))


def cosine_distances(products: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 - cosine from the scalar products between updates, [S, S]."""
    lengths = np.sqrt(products.diagonal())
    lengths[lengths == 0] = np.inf
    distances = np.clip(np.round(1 - products / lengths / lengths[:, None], DIGITS), 0, None)
    np.fill_diagonal(distances, 0)
    return distances


def majority(distances: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the first cluster of single linkage that holds more than half of all, [S] bool, from distances [S, S]."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    n = len(distances)
    if n < 2:
        return np.ones(n, np.bool_)
    tree = linkage(squareform(distances, checks=False), "single")
    joined_at, sizes = tree[:, 2], tree[:, 3]
    clusters = fcluster(tree, joined_at[sizes > n // 2][0], "distance")
    largest: NDArray[np.bool_] = clusters == np.bincount(clusters).argmax()
    return largest


def with_noise(gradient: GlobalModel, model: GlobalModel, deviation: float, generator: Generator) -> GlobalModel:
    """Return the gradient, with normal noise of this standard deviation in every parameter of the model."""

    def noise(like: Tensor) -> Tensor:
        return deviation * torch.randn(like.shape, generator=generator, dtype=like.dtype).to(like.device)

    items = gradient.items + noise(model.items)
    return GlobalModel(items, {name: gradient.scorer.get(name, 0) + noise(value) for name, value in model.scorer.items()})
