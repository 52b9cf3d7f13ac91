"""What a table leaves out, and how it is split, against plain loops."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import fedrec
from fedrec.config.build import build
from fedrec.data.table.log import Log
from tests.data.content import rows

logs = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6), st.integers(0, 9)), min_size=1, max_size=40)


def table(log, *options):
    dataset = build(fedrec.compose("dataset=table", "dataset.duplicates=all", *options).dataset)
    dataset.frame = pd.DataFrame(log, columns=["user", "item", "time"])
    return dataset


def loaded(log, *options, seed=0):
    return table(log, *options).load(torch.Generator().manual_seed(seed))


def by_ids(split, part):
    """Return {user: items} of a part of the split, named by their ids."""
    return {user: split.item_ids[items].tolist() for user, items in zip(split.user_ids.tolist(), rows(part), strict=True)}


def in_time(log, user):
    return [item for one, item, _ in sorted(log, key=lambda row: row[2]) if one == user]


@given(logs, st.sampled_from(["first", "last"]))
def test_one_of_each_pair(log, which):
    numbers = np.array(log, np.int32).T
    known = {}
    for place, (user, item, time) in enumerate(log):
        key = (user, item)
        if key not in known or (time < known[key][0] if which == "first" else time >= known[key][0]):
            known[key] = (time, place)
    found = Log(numbers[0], numbers[1], numbers[2], np.arange(6), np.arange(7)).one_of_each_pair(which)
    places = sorted(place for _, place in known.values())
    assert list(zip(found.users, found.items, found.times, strict=True)) == [log[place] for place in places]


@given(logs, st.integers(1, 4))
def test_core(log, least):
    left = list(log)
    while bad := [row for row in left if min(sum(o[k] == row[k] for o in left) for k in (0, 1)) < least]:
        left = [row for row in left if row not in bad]
    numbers = np.array(log, np.int32).T
    found = Log(numbers[0], numbers[1], numbers[2], np.arange(6), np.arange(7)).core(least)
    assert list(zip(found.users, found.items, found.times, strict=True)) == left


@pytest.mark.parametrize("validation", [False, True])
@given(log=logs, share=st.sampled_from([0.2, 0.5, 0.9]))
def test_a_share_of_each_user_is_held_out(validation, log, share):
    if max(sum(row[0] == user for row in log) for user in range(6)) < 2:
        return
    split = loaded(log, "dataset.split=ratio", f"dataset.test_share={share}", f"dataset.validation={validation}")
    for user, train in by_ids(split, split.train).items():
        parts, left = [], in_time(log, user)
        for _ in range(1 + validation):
            count = max(1, int(len(left) * share)) if len(left) >= 2 else 0
            parts.append(left[len(left) - count :])
            left = left[: len(left) - count]
        assert train == left
        assert by_ids(split, split.test)[user] == parts[0]
        assert not validation or by_ids(split, split.validation)[user] == parts[1]


@given(log=logs, cut=st.integers(1, 9))
def test_a_cut_in_time_is_the_same_for_all(log, cut):
    known = {user for user, _, time in log if time < cut}
    if not any(time >= cut and user in known for user, _, time in log):
        return
    split = loaded(log, "dataset.split=cut", f"dataset.cut={cut}")
    assert set(split.user_ids.tolist()) == known
    assert set(split.item_ids.tolist()) == {item for user, item, _ in log if user in known}
    for user, train in by_ids(split, split.train).items():
        early = [row for row in log if row[2] < cut]
        assert train == in_time(early, user)
        assert train + by_ids(split, split.test)[user] == in_time(log, user)


def test_a_cut_by_share_and_its_validation():
    log = [(user, 10 * user + time, time) for user in range(3) for time in range(10)] + [(7, 99, 8)]
    split = loaded(log, "dataset.split=cut", "dataset.test_share=0.2", "dataset.validation=true")
    assert 7 not in split.user_ids
    train, test, validation = (by_ids(split, part) for part in (split.train, split.test, split.validation))
    assert test[0] == [8, 9]  # the latest 20 % of 31 interactions begin at time 8
    assert (train[0], validation[0]) == ([0, 1, 2, 3, 4, 5], [6, 7])


def test_who_would_have_nothing_left_to_train_on_has_no_validation_item():
    log = [(0, item, item) for item in range(8)] + [(1, 50, 7), (1, 51, 9)]
    split = loaded(log, "dataset.split=cut", "dataset.cut=8", "dataset.validation=true", "dataset.test_share=0.3")
    assert (by_ids(split, split.train)[1], by_ids(split, split.validation)[1], by_ids(split, split.test)[1]) == ([50], [], [51])


@pytest.mark.parametrize("split", ["leave_one_out", "ratio"])
def test_what_is_held_out_at_random_depends_on_the_seed_alone(split):
    log = [(user, item, 0) for user in range(30) for item in range(10)]
    options = f"dataset.split={split}", "dataset.order=random", "dataset.test_share=0.3"
    one, again, other = (loaded(log, *options, seed=seed) for seed in (0, 0, 1))
    assert one.checksum() == again.checksum() != other.checksum()
    size = 1 if split == "leave_one_out" else 3
    for user, test in by_ids(one, one.test).items():
        assert len(test) == size and sorted(test + by_ids(one, one.train)[user]) == list(range(10))
    held = np.bincount(one.item_ids[one.test.items], minlength=10)
    assert held.min() > 0  # not always the same places


def test_the_order_of_the_file():
    log = [(0, 1, 5), (0, 2, 9), (0, 3, 1)]
    for options, test in (((), [2]), (("dataset.order=file",), [3]), (("dataset.time=false",), [3])):
        split = loaded(log, *options)
        assert by_ids(split, split.test)[0] == test


def test_a_rating_below_the_threshold_is_no_interaction(caplog):
    caplog.set_level("INFO")
    dataset = build(fedrec.compose("dataset=table", "dataset.min_rating=3.5").dataset)
    dataset.frame = pd.DataFrame({"user": [1, 1, 1, 2, 2, 2], "item": [1, 2, 3, 1, 2, 3], "rating": [5, 3.5, 3, 4, 4, 0.5]})
    split = dataset.load(torch.Generator())
    assert by_ids(split, split.train) == {1: [1], 2: [1]} and by_ids(split, split.test) == {1: [2], 2: [2]}
    assert "2 of 6 rows have a rating below 3.5 (dataset.min_rating)" in caplog.text
    assert "no column of times: the rows are taken in the order of the file" in caplog.text


def test_everybody_left_out_is_told():
    with pytest.raises(ValueError, match=r"the DataFrame: no interaction is left of 2 rows; 2 of 2 rows are of users or items with fewer"):
        loaded([(0, 1, 0), (1, 2, 0)], "dataset.k_core=2")
    with pytest.raises(ValueError, match="no user has a test item, because none has two interactions or more"):
        loaded([(0, 1, 0), (1, 2, 0)])
