"""When the lists of FRecAttack2 change. Equations: the oracle has them."""

import torch

from fedrec.poisoning.hard_items import HardItems

ONE, CPU = torch.tensor([0]), torch.device("cpu")
RISING, FALLING = torch.arange(8.0)[None], -torch.arange(8.0)[None]


def lists_after(hard, *rounds):
    """Return the lists of one client round after round; each round is (rises, scores)."""
    return [hard.update(ONE, *both)[0].tolist() for both in rounds]


def test_the_first_three_lists_are_taken_as_they_come():
    found = lists_after(HardItems(1, 2, 6, 3, CPU), (RISING, FALLING), (FALLING, RISING), (RISING, FALLING))
    assert found == [[[7, 6], [1, 0]], [[0, 1], [6, 7]], [[7, 6], [1, 0]]]


def test_a_list_changes_when_it_has_more_in_common_with_the_last_one_than_ever():
    hard = HardItems(1, 2, 6, 3, CPU)
    found = lists_after(hard, *[(RISING, RISING)] * 3, (FALLING, RISING), (FALLING, RISING), (RISING, RISING), (RISING, RISING))
    kept, changed = [[7, 6], [1, 0]], [[0, 1], [6, 7]]
    assert found[3:] == [kept, changed, changed, changed]  # an overlap of 2 is the largest, and no later one is larger


def test_once_both_lists_stay_the_scores_count():
    hard = HardItems(1, 2, 2, 3, CPU)
    found = lists_after(hard, *[(RISING, FALLING)] * 10)
    by_rise, by_score = [[7, 6], [1, 0]], [[0, 1], [6, 7]]
    assert found == [by_rise] * 8 + [by_score] * 2  # the first lists by score have nothing in common with the last ones by rise
    assert bool(hard.state["by_score"].all())


def test_clients_have_lists_of_their_own():
    both = torch.tensor([0, 1])
    hard = HardItems(2, 3, 6, 3, CPU)
    values = torch.cat([RISING, FALLING])
    assert hard.update(both, values, values).tolist() == [[[7, 6, 5], [2, 1, 0]], [[0, 1, 2], [5, 6, 7]]]
    hard.update(both[1:], RISING, RISING)
    assert hard.state["participations"].tolist() == [1, 2]
