"""Bulyan: the trimmed mean of the uploads that Krum selects one after another.

El Mhamdi et al., "The Hidden Vulnerability of Distributed Learning in Byzantium", ICML 2018: of the theta = n - 2f selected uploads, of
each coordinate the mean of the theta - 2f values closest to the median, here theta times.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.defenses.trimmed_mean import mean_around_median
from fedrec.robust.blocks import Block
from fedrec.robust.rule import Weighting
from fedrec.robust.selection import Score, distances, left_out, select


@dataclass(kw_only=True)
class Bulyan(Weighting):
    paper = "El Mhamdi et al., ICML 2018"
    applies_to = "MF-FRS, DL-FRS"

    score: Score

    selects = True

    def fewest(self, f: int) -> int:
        return 4 * f + 3

    def weights(self, products: Tensor, f: int) -> Tensor:
        if not f:
            return torch.ones_like(products[..., 0])
        selected = select(distances(products, self.score), products.shape[-1] - 2 * f, left_out(f, self.score))
        return selected.to(products.dtype)

    def combine(self, block: Block, f: int) -> tuple[Tensor, Tensor]:
        selected = self.weights(block.products, f) > 0  # [g, n]
        if not f:
            return block.rows.sum(1), selected
        theta = block.n - 2 * f
        chosen = Block(block.rows[selected].unflatten(0, (-1, theta)), block.senders[selected].view(-1, theta))
        return mean_around_median(chosen.ascending, 2 * f) * theta, selected
