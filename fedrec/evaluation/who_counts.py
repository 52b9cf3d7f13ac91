"""Which users the rankings are means over. A mean over nobody is undefined, and a user with few candidates is ranked well too easily."""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import torch

from fedrec.evaluation.held_out import HeldOut
from fedrec.evaluation.held_out_lists import HeldOutLists
from fedrec.evaluation.quality import RANKINGS
from fedrec.evaluation.user_block import UserBlock

ExposedUsers = Literal["untrained", "unmet"]

LEFT_OUT = {"untrained": "has trained on", "unmet": "has trained on or is tested on"}

log = logging.getLogger(__name__)


def undefined(
    metrics: Collection[str], held_out: Mapping[str, HeldOut | HeldOutLists], blocks: Sequence[UserBlock], exposed_users: ExposedUsers
) -> dict[str, str]:
    """Return the rankings among `metrics` that no user counts for, and why; `held_out` by the prefix of the metrics. Tell them."""
    reasons = {
        f"{prefix}{name}": f"no user has a {'validation' if prefix else 'test'} item"
        for prefix, part in held_out.items()
        for name in RANKINGS
        if name in metrics and not part.sizes.any()
    }
    counting = exposure_counts(blocks)
    n_unseen = counting.count(0)
    if "ER" in metrics and n_unseen == len(counting):
        reasons["ER"] = f"every user {LEFT_OUT[exposed_users]} {'the target item' if n_unseen == 1 else 'each target item'}"
    elif "ER" in metrics and n_unseen:
        log.warning("ER@K leaves out %d of %d target items: every user %s them", n_unseen, len(counting), LEFT_OUT[exposed_users])
    for reason in dict.fromkeys(reasons.values()):
        log.warning("%s: undefined, because %s", ", ".join(f"{name}@K" for name, why in reasons.items() if why == reason), reason)
    return reasons


def exposure_counts(blocks: Sequence[UserBlock]) -> list[int]:
    """Return over how many users the exposure of each target item is the mean, [T]."""
    counts: list[int] = torch.stack([(~block.met_target).sum(0) for block in blocks]).sum(0).tolist()
    return counts


def tell_few_candidates(metrics: Collection[str], held_out: HeldOut | HeldOutLists, n_wanted: int) -> None:
    """Say how many users with held-out items have fewer candidates than `n_wanted` for each, which makes these metrics too high."""
    has = held_out.sizes > 0
    counts, wanted = held_out.n_candidates[has], held_out.sizes[has] * n_wanted
    if few := int((counts < wanted).sum()):
        log.warning(
            "%s: %d of %d users are ranked against fewer items than evaluation.candidates=%d%s, one of them against %d, "
            "because they have met all others: that is easier",
            *(", ".join(f"{name}@K" for name in metrics), few, len(counts), n_wanted),
            *("" if int(held_out.sizes.max()) == 1 else " for each test item", int(counts[counts < wanted].min())),
        )


def tell_trained(held_out: Mapping[str, HeldOut | HeldOutLists]) -> None:
    """Say how many held-out items the same users have also trained on; `held_out` by the prefix of the metrics."""
    told = [
        f"{part.n_trained} of {int(part.sizes.sum())} {'validation' if prefix else 'test'} items"
        for prefix, part in held_out.items()
        if part.n_trained
    ]
    if told:
        log.warning("%s are training items of the same user, too; they are found too easily unless they were met again", " and ".join(told))
