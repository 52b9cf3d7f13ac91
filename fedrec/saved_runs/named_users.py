"""Users by the ids of the data set, and what to say if there is no such user."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fedrec.config.validation import ConfigError
from fedrec.data.nearest_ids import nearest_ids
from fedrec.interfaces import Ids
from fedrec.tracking.id_maps import in_words

LOOKED_AT = 200_000  # ids that are compared, letter by letter, with one that does not exist


def find_users(wanted: Sequence[int | str], user_ids: Ids) -> NDArray[np.int64]:
    """Return the numbers of the users with these ids; 7 and "7" are the same. Raises ConfigError if there is no such user."""
    return np.array([_find(str(one), user_ids) for one in wanted], np.int64)


def _find(wanted: str, user_ids: Ids) -> int:
    if user_ids.dtype.kind != "i":
        found = np.flatnonzero(user_ids == wanted)
    elif re.fullmatch(r"0|-?[1-9]\d{0,17}", wanted, re.ASCII):  # "007" is another user
        found = np.flatnonzero(user_ids == int(wanted))
    else:
        found = np.array([], np.int64)
    if len(found) > 1:
        raise ConfigError(f"user {in_words([wanted], None)}: the data set has several users with this id")
    if not len(found):
        raise ConfigError(f"there is no user {in_words([wanted], None)}: {_alike(wanted, user_ids)}")
    return int(found[0])


def _alike(wanted: str, user_ids: Ids) -> str:
    if user_ids.dtype.kind == "i":
        return f"the {len(user_ids)} users have whole numbers from {user_ids.min()} to {user_ids.max()}"
    if len(user_ids) > LOOKED_AT:
        return f"the {len(user_ids)} users have ids such as {in_words(user_ids[:3].tolist(), None)}"
    return f"the nearest ids are {in_words(nearest_ids(wanted, user_ids), None)}"
