"""Which users the rankings are means over. A mean over nobody is undefined, and a user with few candidates is ranked well too easily."""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import torch

from fedrec.evaluation.held_out import HeldOut
from fedrec.evaluation.user_block import UserBlock

ExposedUsers = Literal["untrained", "unmet"]

LEFT_OUT = {"untrained": "has trained on", "unmet": "has trained on or is tested on"}

log = logging.getLogger(__name__)


def undefined(
    metrics: Collection[str], held_out: Mapping[str, HeldOut], blocks: Sequence[UserBlock], exposed_users: ExposedUsers
) -> dict[str, str]:
    """Return the rankings among `metrics` that no user counts for, and why; `held_out` by the prefix of the metrics. Tell them."""
    reasons = {
        f"{prefix}{name}": f"no user has a {'validation' if prefix else 'test'} item"
        for prefix, part in held_out.items()
        for name in ("HR", "full_HR", "full_NDCG")
        if name in metrics and part.missing.all()
    }
    counting = torch.stack([(~block.met_target).sum(0) for block in blocks]).sum(0)  # [T] users
    n_unseen = int((counting == 0).sum())
    if "ER" in metrics and n_unseen == len(counting):
        reasons["ER"] = f"every user {LEFT_OUT[exposed_users]} {'the target item' if n_unseen == 1 else 'each target item'}"
    elif "ER" in metrics and n_unseen:
        log.warning("ER@K leaves out %d of %d target items: every user %s them", n_unseen, len(counting), LEFT_OUT[exposed_users])
    for reason in dict.fromkeys(reasons.values()):
        log.warning("%s: undefined, because %s", ", ".join(f"{name}@K" for name, why in reasons.items() if why == reason), reason)
    return reasons


def tell_few_candidates(held_out: HeldOut, n_wanted: int) -> None:
    """Say how many users with a held-out item have fewer candidates than `n_wanted`."""
    padding = held_out.missing.new_zeros(1).long() if held_out.padding is None else held_out.padding.sum(0)
    counts = (len(held_out.candidates) - padding).expand(len(held_out.missing))[~held_out.missing]
    if few := int((counts < n_wanted).sum()):
        log.warning(
            "HR@K ranks %d of %d users against fewer items than evaluation.candidates=%d, one of them against %d, "
            "because they have met all others: it is higher than it would be against %d",
            *(few, len(counts), n_wanted, int(counts.min()), n_wanted),
        )
