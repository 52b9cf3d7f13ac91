"""RecBole's metrics, one user and one item after another, in double precision."""

import math
from collections.abc import Collection, Mapping, Sequence


def ranks(test: Sequence[float], others: Sequence[float]) -> list[int]:
    """Return the ranks from 0 of test items with these scores in one list with others; ties, NaN and -inf count against them."""
    found = []
    for place, score in enumerate(sorted((one for one in test if one > -math.inf), reverse=True)):
        found.append(place + sum(not other < score for other in others))
    return found


def quality(found: Sequence[int], n_test: int, k: int) -> dict[str, float]:
    """Return each metric at K of a user whose test items have these ranks."""
    hits = [rank for rank in found if rank < k]
    ideal = sum(1 / math.log2(place + 2) for place in range(min(n_test, k)))
    return {
        "HR": 1.0 if hits else 0.0,
        "NDCG": sum(1 / math.log2(rank + 2) for rank in hits) / ideal,
        "Recall": len(hits) / n_test,
        "Precision": len(hits) / k,
        "MRR": 1 / (min(hits) + 1) if hits else 0.0,
    }


def recommended(scores: Mapping[int, float], k: int) -> list[int]:
    """Return the K items with the highest scores that are numbers above -inf."""
    fit = [item for item, score in scores.items() if score > -math.inf]
    return sorted(fit, key=lambda item: scores[item], reverse=True)[:k]


def coverage(lists: Sequence[Collection[int]], n_items: int) -> float:
    """Return the share of items that are in a list."""
    return len({item for one in lists for item in one}) / n_items


def gini(lists: Sequence[Collection[int]], n_items: int) -> float:
    """Return half the relative mean absolute difference between how often two items are in a list."""
    counts = [sum(item in one for one in lists) for item in range(n_items)]
    if not any(counts):
        return 0.0
    differences = sum(abs(one - other) for one in counts for other in counts)
    return differences / (2 * n_items * sum(counts))
