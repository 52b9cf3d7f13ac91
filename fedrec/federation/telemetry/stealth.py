"""How much poison stands out: what a server that knew the malicious clients would see in one round.

The server-side defenses of Sec. VI-A look at the norm and the cosine of rows. Both are compared with the benign rows of the same item:
a z-score near 0 says why such a defense must fail, and `poison_share` (Eq. 11) says how few benign rows there are.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from fedrec.interfaces import RowGroup, Upload

FEWEST = 3  # benign rows of an item that make a standard deviation
COMPARED = 64  # malicious rows of a round at most, with equal steps between them: a median needs no more

Reals = NDArray[np.floating]
Integers = NDArray[np.int64]


def describe_poison(benign: RowGroup, poison: Upload | None, targets: Sequence[int], n_items: int) -> dict[str, float]:
    """Return the telemetry of how the rows of malicious clients differ from benign ones; empty without malicious clients.

    The z-scores are absent if no compared item has FEWEST benign rows.
    """
    if poison is None:
        return {}
    if not len(poison.items):
        return {"poison_rows": 0.0, "poison_items": 0.0}
    items, benign_items = poison.items.cpu().numpy(), benign.items.cpu().numpy()
    poisoned = np.bincount(items, minlength=n_items)  # [M]
    telemetry = {"poison_rows": float(len(items)), "poison_items": float(np.count_nonzero(poisoned))}
    compared = np.linspace(0, len(items) - 1, min(len(items), COMPARED)).round().astype(np.int64)
    touched = np.zeros(n_items, bool)
    touched[items[compared]] = touched[targets] = True
    chosen = np.flatnonzero(touched.take(benign_items))  # benign rows of the same items
    of_benign = benign_items[chosen]
    if on_targets := int(poisoned[targets].sum()):
        telemetry["poison_share"] = on_targets / (on_targets + sum(int(np.count_nonzero(of_benign == one)) for one in targets))
    device = benign.items.device
    good = benign.at(torch.from_numpy(chosen).to(device)).cpu().numpy()
    bad = poison.rows[torch.from_numpy(compared).to(device)].cpu().numpy()
    numbers = touched.cumsum() - 1  # [M], 0..J-1 for touched items
    scores = _z_scores(good, numbers[of_benign], bad, numbers[items[compared]])
    if scores.size:
        telemetry["poison_norm_z"], telemetry["poison_cosine_z"] = np.median(scores, axis=1).tolist()
    return telemetry


def _z_scores(good: Reals, of_good: Integers, bad: Reals, of_bad: Integers) -> Reals:
    """Return the z-scores of the norm and the cosine of bad rows among the good rows of their group, [2, n].

    Bad rows of a group without FEWEST good rows, or whose good rows are all alike, are left out.
    """
    n_groups = 1 + max(of_good.max(initial=0), of_bad.max(initial=0))
    sizes = np.bincount(of_good, minlength=n_groups)
    order, starts = of_good.argsort(kind="stable"), sizes.cumsum() - sizes
    total = np.zeros((n_groups, good.shape[1]), good.dtype)
    if len(good):
        total[sizes > 0] = np.add.reduceat(good[order], starts[sizes > 0])
    values, found = _norm_and_cosine(good, total[of_good] - good), _norm_and_cosine(bad, total[of_bad])  # [2, n_good], [2, n_bad]
    mean, square = (np.stack([np.bincount(of_good, row, n_groups) for row in part]) / sizes.clip(1) for part in (values, values**2))
    deviation = np.sqrt((square - mean**2).clip(0))  # [2, J]
    known = (sizes >= FEWEST) & (deviation > 1e-6 * np.abs(mean)).all(0)
    accepted = known[of_bad]
    groups = of_bad[accepted]
    scores: Reals = (found[:, accepted] - mean[:, groups]) / deviation[:, groups]
    return scores


def _norm_and_cosine(rows: Reals, others: Reals) -> Reals:
    """Return the norm of each row and its cosine with the other row, [2, n]."""
    norms, lengths = (np.sqrt(np.einsum("nd,nd->n", part, part, dtype=np.float64)) for part in (rows, others))
    return np.stack([norms, np.einsum("nd,nd->n", rows, others, dtype=np.float64) / (norms * lengths).clip(1e-12)])
