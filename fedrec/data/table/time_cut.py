"""A cut in time: what comes before it is trained on, and what comes after it is held out, for all users alike."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fedrec.data.splitting import hold_out
from fedrec.interfaces import Interactions, Split

Times = NDArray[Any]  # [I], ascending within a user


def latest_share_begins(times: Times, share: float) -> float:
    """Return the time at which the latest share of all interactions begins; there is at least one.

    >>> latest_share_begins(np.array([5, 1, 4, 2, 3]), 0.4)
    4.0
    """
    return float(np.sort(times)[-max(1, int(share * len(times)))])


def split_at(cut: float, name: str, interactions: Interactions, times: Times, validation_share: float | None) -> Split:
    """Hold out every interaction at the cut or after it and, for validation, the latest share of those before it.

    Every user has an interaction before the cut. One who would have none left to train on has no validation item.
    """
    late = times >= cut
    train, test = hold_out(interactions, torch.from_numpy(np.flatnonzero(late)))
    if validation_share is None:
        return Split(name, train, test, None)
    times = times[~late]
    late = times >= latest_share_begins(times, validation_share)
    keeps_some = ~late[train.offsets[:-1].numpy()]  # [U]
    train, held = hold_out(train, torch.from_numpy(np.flatnonzero(late & keeps_some[train.users.numpy()])))
    return Split(name, train, test, held)
