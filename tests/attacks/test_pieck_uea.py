"""PIECK-UEA: how often each mined item's loss counts. Equations: the oracle has them."""

import pytest

from tests.attacks.choices import Choice

CHOICE = Choice("pieck_uea", None, "mf")


def test_weights_of_the_released_code_and_of_the_equation():
    assert CHOICE.begun(N=5, batches=5, rounds=3).weights.tolist() == [10, 9, 8, 7, 6]  # (16 - j) / 3, summed over the rounds
    assert CHOICE.begun(N=4, batches=1, rounds=1).weights.tolist() == [1, 1, 1, 1]


def test_more_batches_than_items():
    with pytest.raises(ValueError, match=r"attack\.batches = 9: at most attack\.N = 4"):
        CHOICE.begun(N=4, batches=9)
