"""What HR, NDCG, Recall, Precision and MRR at K make of the ranks of a user's test items, and their means over users.

The definitions are those of RecBole (Zhao et al., "RecBole: Towards a Unified, Comprehensive and Efficient Framework for
Recommendation Algorithms", CIKM 2021), from whose NDCG@K a user's own ideal list follows: min(K, number of test items) hits in a row.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fedrec.evaluation.ranking import Gains, Ranks


def hits(ranks: Ranks, ks: Ranks) -> Gains:
    """Return 1 where a rank from 0 is among the first k; [B], [K] -> [B, K]. The mean over users is HR@K, for a target ER@K.

    >>> hits(np.array([0, 7]), np.array([5, 10])).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    return (ranks[:, None] < ks).astype(np.float64)


def ndcg(ranks: Ranks, ks: Ranks) -> Gains:
    """Return 1 / log2(rank + 2) where a rank is among the first k, the NDCG@K of one relevant item; [B], [K] -> [B, K].

    >>> ndcg(np.array([0, 2, 9]), np.array([5])).ravel().tolist()
    [1.0, 0.5, 0.0]
    """
    gains: Gains = hits(ranks, ks) / np.log2(ranks[:, None] + 2.0)
    return gains


def precision(ranks: Ranks, ks: Ranks) -> Gains:
    """Return 1 / k where a rank is among the first k, [B], [K] -> [B, K].

    >>> precision(np.array([1, 7]), np.array([5, 10])).tolist()
    [[0.2, 0.1], [0.0, 0.1]]
    """
    gains: Gains = hits(ranks, ks) / ks
    return gains


def reciprocal(ranks: Ranks, ks: Ranks) -> Gains:
    """Return 1 / (rank + 1) where a rank is among the first k, [B], [K] -> [B, K].

    >>> reciprocal(np.array([1, 7]), np.array([5])).ravel().tolist()
    [0.5, 0.0]
    """
    gains: Gains = hits(ranks, ks) / (ranks[:, None] + 1.0)
    return gains


def _ideal(sizes: Ranks, ks: Ranks) -> Gains:
    """Return the greatest sum of `ndcg` that a user with so many test items can have, [B], [K] -> [B, K]."""
    ideal = ndcg(np.arange(ks.max()), ks.max(keepdims=True)).ravel().cumsum()
    return ideal[np.clip(sizes[:, None], 1, ks) - 1]


@dataclass(frozen=True, slots=True)
class Quality:
    """How a metric judges a user: the sum of the gains of the test items, or the gain of the best one, in shares of the most."""

    gain: Callable[[Ranks, Ranks], Gains]
    of_best: bool = False
    most: Callable[[Ranks, Ranks], Gains] = lambda sizes, ks: np.ones((1, 1))  # 1 for a user with one test item, whatever the metric

    def of_users(self, ranks: Ranks, sizes: Ranks, ks: Ranks) -> Gains:
        """Return the metric of each user; ranks [B, J] of the J best test items, sizes [B] >= 1, how many there are, [K] -> [B, K]."""
        worst = ks.max()  # stands for every rank that gains nothing
        gains = self.gain(np.arange(worst + 1), ks)[np.minimum(ranks[:, :1] if self.of_best else ranks, worst)]
        shares: Gains = gains.sum(1) / self.most(sizes, ks)
        return shares


QUALITY: Mapping[str, Quality] = {
    "HR": Quality(hits, of_best=True),
    "NDCG": Quality(ndcg, most=_ideal),
    "Recall": Quality(hits, most=lambda sizes, ks: sizes[:, None].astype(np.float64)),
    "Precision": Quality(precision),
    "MRR": Quality(reciprocal, of_best=True),
}
RANKINGS: Mapping[str, Quality] = {**QUALITY, **{f"full_{name}": one for name, one in QUALITY.items()}}  # full_: among all items


@dataclass(frozen=True)
class Means:
    """Means over the users who are scored, for every K; if they are a sample, also the standard errors."""

    ks: Sequence[int]
    n_users: int
    sampled: bool

    def of_quality(self, name: str, ranks: Ranks, sizes: Ranks, quality: Quality) -> dict[str, float]:
        """Return the mean over the users who have test items: `sizes` [B]; ranks [B] of the only one, or [B, J] of the J best ones."""
        if ranks.ndim == 1:
            return self.of_targets(name, [ranks], quality.gain, self.of_each([ranks], quality.gain))
        has = sizes > 0
        if not has.any():
            return {}  # `undefined` says why
        gains = quality.of_users(ranks[has], sizes[has], np.array(self.ks))  # [B, K]
        return self._named(name, gains.mean(0), (gains - gains.mean(0)) / len(gains))

    def of_each(self, ranks: Sequence[Ranks], gain: Callable[[Ranks, Ranks], Gains]) -> list[Gains | None]:
        """Return the mean over users for each target, [K], None if no user counts; a rank [B] each, -1 for a user who does not count."""
        worst, gains = max(self.ks), self._gains[gain]  # the worst rank stands for all that gain nothing
        counts = [np.bincount(np.minimum(one, worst) + 1, minlength=worst + 2)[1:] for one in ranks]  # users with each rank, -1 left out
        return [one @ gains / one.sum() if one.any() else None for one in counts]

    def of_targets(
        self, name: str, ranks: Sequence[Ranks], gain: Callable[[Ranks, Ranks], Gains], each: Sequence[Gains | None]
    ) -> dict[str, float]:
        """Return the mean over targets of what `of_each` returns for the same ranks and gain.

        Targets that no user counts for do not count. If there is no other, there is no mean.

        The targets' means share their users, so the error is that of what each user adds to all of them.
        """
        known = {number: mean for number, mean in enumerate(each) if mean is not None}
        if not known:
            return {}  # `undefined` says why
        worst, gains = max(self.ks), self._gains[gain]
        added = np.zeros((self.n_users, len(self.ks)))  # [B, K]
        for number, mean in known.items() if self.sampled else ():
            one = ranks[number]
            counts = one >= 0
            added += np.where(counts[:, None], gains[np.minimum(one, worst)] - mean, 0) / counts.sum() / len(known)
        return self._named(name, np.array(list(known.values())).mean(0), added)

    @cached_property
    def _gains(self) -> Mapping[Callable[[Ranks, Ranks], Gains], Gains]:
        """The gains of the ranks 0 to max(K), [max(K) + 1, K] each."""
        return {gain: gain(np.arange(max(self.ks) + 1), np.array(self.ks)) for gain in (hits, ndcg, precision, reciprocal)}

    def _named(self, name: str, means: Gains, added: Gains) -> dict[str, float]:
        """Return the means [K], and the standard errors of the sums of what users add [B, K]."""
        metrics = {f"{name}@{k}": mean for k, mean in zip(self.ks, means.tolist(), strict=True)}
        if self.sampled:
            errors = np.sqrt((added**2).sum(0))
            metrics |= {f"{name}@{k}_stderr": error for k, error in zip(self.ks, errors.tolist(), strict=True)}
        return metrics
