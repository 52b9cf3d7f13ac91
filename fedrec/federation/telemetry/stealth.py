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
    is_target = np.zeros(n_items, bool)
    is_target[np.array(targets, np.int64)] = True
    on_targets = int(np.count_nonzero(is_target[items]))
    telemetry = {"poison_rows": float(len(items)), "poison_items": float(np.count_nonzero(np.bincount(items)))}
    compared = np.arange(len(items)) if len(items) <= COMPARED else np.linspace(0, len(items) - 1, COMPARED).round().astype(np.int64)
    bad_items, touched = items[compared], is_target.copy()
    touched[bad_items] = True
    chosen = np.flatnonzero(touched.take(benign_items))  # benign rows of the same items
    good_items = benign_items[chosen]
    if on_targets:
        telemetry["poison_share"] = on_targets / (on_targets + int(np.count_nonzero(is_target[good_items])))
    device = benign.items.device
    good = benign.at(torch.from_numpy(chosen).to(device)).cpu().numpy()
    bad = poison.rows[torch.from_numpy(compared).to(device)].cpu().numpy()
    groups = np.flatnonzero(touched)  # [J] items
    scores = np.sort(_z_scores(good, groups.searchsorted(good_items), bad, groups.searchsorted(bad_items), len(groups)), axis=1)  # [2, n]
    if n := scores.shape[1]:
        telemetry["poison_norm_z"], telemetry["poison_cosine_z"] = ((scores[:, (n - 1) // 2] + scores[:, n // 2]) / 2).tolist()  # medians
    return telemetry


def _z_scores(good: Reals, of_good: Integers, bad: Reals, of_bad: Integers, n_groups: int) -> Reals:
    """Return the z-scores of the norm and the cosine of bad rows among the good rows of their group, [2, n].

    Bad rows of a group without FEWEST good rows, or whose good rows are all alike, are left out.
    """
    n_good, of_rows, sizes = len(good), np.concatenate([of_good, of_bad]), np.bincount(of_good, minlength=n_groups)
    total, filled = np.zeros((n_groups, good.shape[1]), good.dtype), sizes > 0
    if n_good:
        starts = (sizes.cumsum() - sizes)[filled]
        total[filled] = np.add.reduceat(good[of_good.argsort(kind="stable")], starts)
    others = total[of_rows]
    others[:n_good] -= good
    values = _norm_and_cosine(np.concatenate([good, bad]).astype(np.float64), others.astype(np.float64))  # [2, n_good + n_bad]
    moments = np.concatenate([values[:, :n_good], values[:, :n_good] ** 2])  # [4, n_good]
    cells = of_good + len(sizes) * np.arange(4)[:, None]
    mean, square = np.bincount(cells.ravel(), moments.ravel(), 4 * len(sizes)).reshape(2, 2, -1) / sizes.clip(1)  # [2, J] each
    deviation = np.sqrt((square - mean**2).clip(0))  # [2, J]
    known = (sizes >= FEWEST) & (deviation > 1e-6 * np.abs(mean)).all(0)
    accepted = known[of_bad]
    groups = of_bad[accepted]
    scores: Reals = (values[:, n_good:][:, accepted] - mean[:, groups]) / deviation[:, groups]
    return scores


def _norm_and_cosine(rows: Reals, others: Reals) -> Reals:
    """Return the norm of each row and its cosine with the other row, [2, n]."""
    norms, lengths = (np.sqrt(np.einsum("nd,nd->n", part, part)) for part in (rows, others))
    return np.stack([norms, np.einsum("nd,nd->n", rows, others) / (norms * lengths).clip(1e-12)])
