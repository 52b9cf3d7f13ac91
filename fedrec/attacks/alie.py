"""ALIE ("a little is enough"): every coordinate z standard deviations beside the benign mean, where benign uploads still lie.

Baruch, Baruch, Goldberg, "A Little Is Enough: Circumventing Defenses For Distributed Learning", NeurIPS 2019. Of n uploads for an item, f
of them malicious, a median needs s = floor(n / 2 + 1) - f benign ones on the attacker's side. So z = Phi^-1((n - f - s) / (n - f)): as many
benign uploads lie farther out. f is the number of malicious clients of the round, and with `kappa` that of those which send a row for the
item. The paper has thousands of coordinates with the same n; here n differs from item to item and may be tiny. Two rules are added. Where
the quantile is below a half, a single z = 0 remains, because on the other side of the mean nothing would be gained. Where the attackers
alone are the majority (s <= 0), z would be infinite: the quantile is at most b / (b + 1) of b benign uploads, where the largest of b normal
numbers is about to be expected. The sign is free; the code of the authors subtracts z deviations, this follows the paper's mean + z * std.
With targets, the sign in each coordinate is the one that promotes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.interfaces import NonNegative, UploadStatistics
from fedrec.poisoning.omniscient import OmniscientAttack


@dataclass(kw_only=True)
class LittleIsEnough(OmniscientAttack):
    paper = "Baruch et al., NeurIPS 2019"

    z: NonNegative | None

    def rows(self, uploads: UploadStatistics, n_malicious: Tensor, goal: Tensor | None) -> Tensor:
        z = normal_quantiles(uploads.counts, n_malicious).to(uploads.means)[:, None] if self.z is None else self.z
        return uploads.means + z * (uploads.stds if goal is None else uploads.stds * -goal.sign())


def normal_quantiles(counts: Tensor, n_malicious: Tensor) -> Tensor:
    """Return z for each number of benign and of malicious uploads, [J] int64 >= 1 and [J] int64 -> [J] float64, >= 0 and finite."""
    n_wanted = (counts + n_malicious) // 2 + 1 - n_malicious  # s
    shares = (counts - n_wanted).double() / counts
    quantiles: Tensor = torch.special.ndtri(torch.minimum(shares, counts.double() / (counts + 1)).clamp(min=0.5))
    return quantiles
