"""The degradation ratio, by which attacks are judged that promote no item: the share of the quality that is lost against no attack.

Zhang et al. (AAAI 2025, arXiv 2501.03301) and Yu et al. (AAAI 2023) report it for Spattack and ClusterAttack.
Both runs are taken at their own best epoch, and differ in nothing but the attack.
"""

import re
from collections.abc import Mapping

_QUALITY = re.compile(r"(full_)?(HR|NDCG|Recall|Precision|MRR)@\d+")


def degradation(with_: Mapping[str, float], without: Mapping[str, float]) -> dict[str, float]:
    """Return (without - with) / without of every quality metric on the test item that both evaluations have, by its name.

    1 means that the attack leaves nothing, 0 that it changes nothing. A ratio below 0, which is kept, means that quality is better under
    the attack. A metric that is 0 without the attack has no ratio.

    >>> degradation({"HR@10": 0.125, "ER@10": 0.5, "epoch": 3}, {"HR@10": 0.5, "ER@10": 0.0, "epoch": 9})
    {'HR@10': 0.75}
    """
    pairs = {name: (value, without.get(name)) for name, value in with_.items() if _QUALITY.fullmatch(name)}
    return {name: ratio(value, clean) for name, (value, clean) in pairs.items() if clean}


def ratio(with_: float, without: float) -> float:
    """Return the share of a quality that is lost, which must be positive without the attack.

    >>> ratio(0.25, 0.5), ratio(0.75, 0.5)
    (0.5, -0.5)
    """
    return (without - with_) / without


def as_harm(ratio: float) -> float:
    """Return a ratio on the scale [0, 1] of exposures, on which attacks of both kinds are compared: no attack does less than nothing.

    >>> as_harm(0.25), as_harm(-0.5)
    (0.25, 0.0)
    """
    return max(0.0, ratio)
