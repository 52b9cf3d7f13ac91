"""Which items an experiment promotes."""

import difflib

import numpy as np
import pytest
import torch

from fedrec.interfaces import Interactions
from fedrec.poisoning.targets import choose_targets

TRAIN = Interactions(torch.tensor([0, 3, 5]), torch.tensor([0, 1, 2, 0, 1], dtype=torch.int32), 5)
IDS = np.array([0, 3, 40, 500, 6000])


def test_random_targets_are_seeded_and_distinct():
    draw = [choose_targets("random", 4, TRAIN, IDS, torch.Generator().manual_seed(1)) for _ in range(2)]
    assert torch.equal(*draw) and len(set(draw[0].tolist())) == 4


def test_published_targets_are_those_that_the_released_code_draws():
    train = Interactions(torch.tensor([0, 1]), torch.tensor([0], dtype=torch.int32), 1682)
    drawn = [choose_targets("published", count, train, np.arange(1682), torch.Generator().manual_seed(count)).tolist() for count in (1, 3)]
    assert drawn == [[467], [467, 880, 1053]]


def test_unpopular_targets_have_fewest_interactions():
    assert set(choose_targets("unpopular", 2, TRAIN, IDS, torch.Generator()).tolist()) == {3, 4}


@pytest.mark.parametrize(
    ("targets", "count", "message"),
    [
        ([3, 4], 1, r"attack\.targets: there is no item 4, the data set has 5 items; the nearest ids are 40, 0, 3"),
        ([2**70], 1, "there is no item 1180591620717411303424, "),
        ([], 1, r"attack\.targets = \[\]: allowed is a list of one id or more"),
        ([3, "3"], 1, r"attack\.targets = \[3, 3\]: an item is named twice"),
        (IDS.tolist(), 1, "all 5 items would be targets; at most 4"),
        ("random", 5, r"attack\.num_targets = 5: all 5 items would be targets"),
    ],
)
def test_bad_targets(targets, count, message):
    with pytest.raises(ValueError, match=message):
        choose_targets(targets, count, TRAIN, IDS, torch.Generator())


def test_named_targets_are_found_by_their_ids():
    assert choose_targets([6000, "3"], 1, TRAIN, IDS, torch.Generator()).tolist() == [4, 1]


def test_ids_that_are_text_are_matched_as_they_are():
    ids = np.array(["B000123", "007", "a b", "42", "1e5"], object)
    assert choose_targets(["007", 42, "a b", "1e5"], 1, TRAIN, ids, torch.Generator()).tolist() == [1, 3, 2, 4]
    with pytest.raises(ValueError, match="there is no item 7, "):
        choose_targets([7], 1, TRAIN, ids, torch.Generator())


def test_an_id_of_several_items_names_none_of_them():
    ids = np.array(["a", "b", "c", "b", "d"], object)
    assert choose_targets(["c"], 1, TRAIN, ids, torch.Generator()).tolist() == [2]
    with pytest.raises(ValueError, match="the data set has several items with the id b"):
        choose_targets(["c", "b"], 1, TRAIN, ids, torch.Generator())


@pytest.mark.parametrize("typed", ["B000007778", "000007777", "b000007777", "B00000777", "B0000077777", "B000077077"])
def test_an_id_with_a_mistake_suggests_the_right_one(typed, monkeypatch):
    """Also among many, where few are compared letter by letter."""
    ids, compared = np.array([f"B{number:09d}" for number in range(7777, 10**6, 500)], object), []
    real = difflib.SequenceMatcher
    monkeypatch.setattr(difflib, "SequenceMatcher", lambda *texts: compared.append(texts) or real(*texts))
    with pytest.raises(ValueError, match=rf"there is no item {typed}, the data set has 1985 items; the nearest ids are .*B000007777"):
        choose_targets([typed], 1, TRAIN, ids, torch.Generator())
    assert len(compared) == 100


@pytest.mark.parametrize("targets", ["random", [7]])
def test_a_data_set_of_one_item_has_no_targets(targets):
    train = Interactions(torch.tensor([0, 1]), torch.tensor([0], dtype=torch.int32), 1)
    with pytest.raises(ValueError, match="the data set has one item only"):
        choose_targets(targets, 1, train, np.array([7]), torch.Generator())
