"""Which items an experiment promotes."""

import pytest
import torch

from fedrec.interfaces import Interactions
from fedrec.poisoning.targets import choose_targets

TRAIN = Interactions(torch.tensor([0, 3, 5]), torch.tensor([0, 1, 2, 0, 1], dtype=torch.int32), 5)


def test_random_targets_are_seeded_and_distinct():
    draw = [choose_targets("random", 4, TRAIN, torch.Generator().manual_seed(1)) for _ in range(2)]
    assert torch.equal(*draw) and len(set(draw[0].tolist())) == 4


def test_published_targets_are_those_that_the_released_code_draws():
    train = Interactions(torch.tensor([0, 1]), torch.tensor([0], dtype=torch.int32), 1682)
    drawn = [choose_targets("published", count, train, torch.Generator().manual_seed(count)).tolist() for count in (1, 3)]
    assert drawn == [[467], [467, 880, 1053]]


def test_unpopular_targets_have_fewest_interactions():
    assert set(choose_targets("unpopular", 2, TRAIN, torch.Generator()).tolist()) == {3, 4}


@pytest.mark.parametrize(
    ("targets", "count", "message"),
    [
        ([7], 1, r"attack\.targets = \[7\]: allowed is a list of one or more item ids from 0 to 4"),
        ([], 1, "allowed is a list of one or more item ids"),
        ([2, 2], 1, "named twice"),
        ([0, 1, 2, 3, 4], 1, "all 5 items would be targets"),
        ("random", 5, r"attack\.num_targets = 5: all 5 items would be targets"),
    ],
)
def test_bad_targets(targets, count, message):
    with pytest.raises(ValueError, match=message):
        choose_targets(targets, count, TRAIN, torch.Generator())
