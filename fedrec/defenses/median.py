"""Median: of each coordinate.

Yin et al., "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates", ICML 2018. Of an even number of values the
mean of the two in the middle.
"""

from torch import Tensor

from fedrec.robust.blocks import Block
from fedrec.robust.rule import Rule


class Median(Rule):
    paper = "Yin et al., ICML 2018"
    applies_to = "MF-FRS, DL-FRS"

    def tolerated(self, n: int) -> int:
        return (n - 1) // 2

    def combine(self, block: Block, f: int) -> tuple[Tensor, None]:
        return median(block.ascending) * block.n, None


def median(ordered: Tensor) -> Tensor:
    """Of values in ascending order, [..., n] -> [...]."""
    n = ordered.shape[-1]
    return (ordered[..., (n - 1) // 2] + ordered[..., n // 2]) / 2
