"""Independent named streams from one seed, so that no part of a run can disturb the draws of another."""

import hashlib

from torch import Generator

PUBLISHED_SEED = 20211110  # of the released code of MF-FRS


def generator(seed: int, name: str) -> Generator:
    """Return the stream called `name`; it is the same on every machine and for every device.

    >>> generator(0, "split").initial_seed() == generator(0, "split").initial_seed()
    True
    >>> generator(0, "split").initial_seed() == generator(0, "attack").initial_seed()
    False
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def derived_seed(seed: int, name: str) -> int:
    """Return a seed for a part that must not know the run's own."""
    return generator(seed, name).initial_seed()
