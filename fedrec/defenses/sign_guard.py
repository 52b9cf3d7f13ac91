"""SignGuard: clients whose updates are neither long nor short and have as many signs of each kind as most others'.

Xu, Huang, Song, Lan, "Byzantine-robust Federated Learning through Collaborative Malicious Gradient Filtering" (SignGuard), ICDCS 2022,
Algorithm 2. Accepted is who passes two filters: a length strictly within [shortest, longest] times the median length, and the largest
cluster of mean shift on the shares of positive, zero and negative signs among a random share of the coordinates. Accepted updates are
clipped to the median length; the result is n times their mean. As in the authors' code each of the three shares is divided by the largest
of all clients, and `quantile` sets the bandwidth of mean shift; here it is estimated from all clients and not from 50 of them, and the
coordinates are drawn one by one and not as a stretch. Where the bandwidth is 0, as with fewer than four clients, signs tell nobody apart
and everybody passes. f = floor((n - 1) / 2). If nobody passes both filters, the rule falls back.
"""

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from fedrec.aggregation import ClientSelection, Fallback, WholeUpdates, shortened
from fedrec.interfaces import GlobalModel, NonNegative, Rate, ServerKnowledge, ServerView

Points = NDArray[np.float64]  # [n, 3]
TINY = 1e-8  # keeps a share of 0 finite, from the authors' code
MOST_STEPS = 301  # of mean shift, from scikit-learn
STANDS_STILL = 1e-3  # bandwidths; a mean that moves no farther has arrived, from scikit-learn


@dataclass(kw_only=True)
class SignGuard(ClientSelection):
    paper = "Xu et al., ICDCS 2022"

    shortest: NonNegative
    longest: Rate
    coordinates: Annotated[float, Field(gt=0, le=1)]
    quantile: Annotated[float, Field(gt=0, le=1)]
    fallback: Fallback

    def setup(self, known: ServerKnowledge) -> None:
        if self.shortest >= self.longest:
            raise ValueError(f"defense.shortest = {self.shortest}: no length is between it and defense.longest = {self.longest}")

    def select(self, updates: WholeUpdates, view: ServerView) -> tuple[Tensor, Tensor]:
        lengths = updates.lengths()
        median = lengths.quantile(0.5)
        of_usual_length = (lengths > self.shortest * median) & (lengths < self.longest * median)
        shares = sign_shares(updates, updates.draw_coordinates(self.coordinates, view.generator("sign_guard")))
        alike = torch.from_numpy(largest_cluster(shares.double().cpu().numpy(), self.quantile)).to(lengths.device)
        return of_usual_length & alike, shortened(lengths, median)


def sign_shares(updates: WholeUpdates, chosen: GlobalModel) -> Tensor:
    """Return the shares of positive, zero and negative signs among the chosen coordinates of each update, [S, 3]."""
    rows, vector = updates.of_items, updates.join(chosen).to(updates.coefficients.dtype)  # 1 where a coordinate is chosen
    n, masks, nothing = vector.sum(), updates.split(vector[0]), vector.new_zeros(1)
    of_items = masks.items.index_select(0, rows.keys)
    signs = replace(rows, vectors=rows.vectors.sign(), coefficients=rows.coefficients.sign())
    vectors = {name: value.flatten(1).sign() for name, value in updates.scorer[1].items()}
    of_tensors = {name: value @ masks.scorer[name].flatten() for name, value in vectors.items()}
    surplus = updates.add_up(nothing, signs.along(of_items), of_tensors)  # of positive signs over negative ones
    signs = replace(signs, vectors=signs.vectors.abs(), coefficients=signs.coefficients.abs())
    of_tensors = {name: value.abs() @ masks.scorer[name].flatten() for name, value in vectors.items()}
    n_signs = updates.add_up(nothing, signs.along(of_items), of_tensors)
    return torch.stack([(n_signs + surplus) / 2, n - n_signs, (n_signs - surplus) / 2], 1) / n


def largest_cluster(shares: Points, quantile: float) -> NDArray[np.bool_]:
    """Return who belongs to the largest cluster of the shares of signs [S, 3], [S] bool.

    The bandwidth is the mean distance to the last of the nearest points. Of clusters of equal size the one with the denser mode counts.
    """
    from scipy.spatial.distance import cdist

    features = shares / (shares.max(0) + TINY)
    last = max(1, int(quantile * len(features))) - 1
    bandwidth = float(np.partition(cdist(features, features), last, 1)[:, last].mean())
    if not bandwidth:
        return np.ones(len(shares), np.bool_)
    distances = cdist(features, modes(features, bandwidth))
    nearest, is_near = distances.argmin(1), distances.min(1) <= bandwidth
    belongs: NDArray[np.bool_] = is_near & (nearest == np.bincount(nearest[is_near]).argmax())
    return belongs


def modes(points: Points, bandwidth: float) -> Points:
    """Return where mean shift ends, [n, 3], the densest first; a mode within the bandwidth of a denser one is left out.

    It begins in each bin of a grid that holds a point, and moves to the mean of the points within the bandwidth, all bins at once.
    scikit-learn's MeanShift does the same point by point: it takes a hundred times as long.
    """
    from scipy.spatial.distance import cdist

    bins = np.unique(np.round(points / bandwidth), axis=0)
    centres = points.copy() if len(bins) == len(points) else bins * bandwidth
    counts, moving = np.zeros(len(centres)), np.arange(len(centres))
    for _ in range(MOST_STEPS):
        within = cdist(centres[moving], points) <= bandwidth
        counts[moving] = within.sum(1)
        moving, within = moving[counts[moving] > 0], within[counts[moving] > 0]
        means = within @ points / counts[moving, None]
        steps = np.linalg.norm(means - centres[moving], axis=1)
        centres[moving] = means
        moving = moving[steps > STANDS_STILL * bandwidth]
        if not len(moving):
            break
    centres = centres[np.lexsort((*centres.T[::-1], counts))[::-1]][: np.count_nonzero(counts)]
    kept: list[Points] = []
    for centre in centres:
        if all(np.linalg.norm(centre - other) > bandwidth for other in kept):
            kept.append(centre)
    return np.array(kept)
