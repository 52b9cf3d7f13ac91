"""How much poison stands out: what a server that knew the malicious clients would see in one round.

Norm and cosine are the two statistics that the server-side defenses of Sec. VI-A look at; both are compared with the benign rows of
the same item, so a z-score near 0 says why such a defense must fail, and `poison_share` (Eq. 11) how few benign rows there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.uploads import RowGroup, Upload

FEWEST = 3  # benign rows of an item that make a standard deviation
ROUNDING = 1e-5  # of the mean: a smaller deviation is none


@dataclass(frozen=True, slots=True)
class Stealth:
    targets: Sequence[int]

    def measure(self, benign: RowGroup, poison: Upload) -> dict[str, float]:
        """Telemetry of a round.

        poison_rows and poison_items: rows uploaded by malicious clients, and different items among them. poison_share: of all
        rows for target items. poison_norm_z, poison_cosine_z: mean over malicious rows of how many standard deviations their norm,
        and their cosine with the sum of the other benign rows, lie from the mean of the benign rows of the same item; absent if
        no item has FEWEST benign rows that differ.
        """
        if not len(poison.items):
            return {"poison_rows": 0.0, "poison_items": 0.0}
        n_items = 1 + int(torch.maximum(poison.items.max(), benign.items.max() if len(benign.items) else poison.items.max()))
        touched = torch.zeros(n_items, dtype=torch.bool, device=poison.items.device)
        touched[poison.items.long()] = True
        chosen = touched.index_select(0, benign.items).nonzero().flatten()  # benign rows of the same items
        numbers = touched.cumsum(0) - 1  # [M], 0..J-1 for touched items
        of_poison, of_benign = (numbers[items.long()] for items in (poison.items, benign.items[chosen]))
        telemetry = {"poison_rows": float(len(poison.items)), "poison_items": float(touched.sum())}
        on_targets = [sum(int(torch.count_nonzero(items == target)) for target in self.targets) for items in (poison.items, benign.items)]
        if on_targets[0]:
            telemetry["poison_share"] = on_targets[0] / sum(on_targets)
        rows, bad_rows = benign.at(chosen), poison.rows
        total = rows.new_zeros(int(telemetry["poison_items"]), rows.shape[1]).index_add_(0, of_benign, rows)  # [J, d]
        counts = torch.bincount(of_benign, minlength=len(total))[of_poison]
        pairs = {
            "norm": (torch.linalg.vector_norm(rows, dim=1), torch.linalg.vector_norm(bad_rows, dim=1)),
            "cosine": (
                torch.cosine_similarity(rows, total[of_benign] - rows, dim=1),
                torch.cosine_similarity(bad_rows, total[of_poison], dim=1),
            ),
        }
        for name, (good, bad) in pairs.items():
            mean, deviation = _moments(good, of_benign, len(total))
            scores = (bad - mean[of_poison]) / deviation[of_poison]
            differ = deviation > ROUNDING * mean.abs()
            known = scores[(counts >= FEWEST) & differ[of_poison] & scores.isfinite()]
            if len(known):
                telemetry[f"poison_{name}_z"] = float(known.mean())
        return telemetry


def _moments(values: Tensor, groups: Tensor, n_groups: int) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the values of each group, [n_groups] each; nan for a group without values.

    >>> mean, deviation = _moments(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0, 0, 1]), 2)
    >>> mean.tolist(), deviation.tolist()
    ([2.0, 5.0], [1.0, 0.0])
    """
    sizes = torch.bincount(groups, minlength=n_groups)
    mean = values.new_zeros(n_groups).index_add_(0, groups, values) / sizes
    variance = values.new_zeros(n_groups).index_add_(0, groups, (values - mean[groups]) ** 2) / sizes
    return mean, variance.sqrt()
