"""Leave-one-out against plain loops."""

from unittest.mock import patch

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.data.splitting import by_user, hold_out, leave_one_out, tell_what_is_trained_on
from tests.data.content import rows

N_USERS, N_ITEMS = 5, 6
pairs = st.lists(st.tuples(st.integers(0, N_USERS - 1), st.integers(0, N_ITEMS - 1)), min_size=1, max_size=40)


def grouped(log):
    users, items = np.array(log).T
    return by_user(users, items, N_USERS, N_ITEMS)


@given(pairs)
def test_by_user_keeps_the_order_within_a_user(log):
    interactions = grouped(log)
    assert rows(interactions) == [[item for user, item in log if user == wanted] for wanted in range(N_USERS)]
    assert (interactions.offsets.dtype, interactions.items.dtype, interactions.n_items) == (torch.int64, torch.int32, N_ITEMS)


@given(pairs, st.booleans())
def test_leave_one_out_is_the_plain_rule(log, validation):
    train, test, held = [], [], []
    for wanted in range(N_USERS):
        row = [item for user, item in log if user == wanted]
        test.append(row.pop() if len(row) >= 2 else -1)
        held.append(row.pop() if validation and len(row) >= 2 else -1)
        train.append(row)
    split = leave_one_out("name", grouped(log), validation)
    assert rows(split.train) == train
    assert split.test.only().tolist() == test
    assert (split.validation is None) if not validation else (split.validation.only().tolist() == held)
    assert split.statistics()["interactions"] == len(log)


def test_a_repeat_purchase_may_be_held_out_and_trained_on():
    split = leave_one_out("name", grouped([(0, 4), (0, 2), (0, 4)]), False)
    assert (split.test.items[0], rows(split.train)[0]) == (4, [4, 2])


def test_hold_out_leaves_its_argument_alone():
    interactions = grouped([(0, 1), (0, 2), (3, 5)])
    hold_out(interactions, torch.tensor([0]))
    assert rows(interactions) == [[1, 2], [], [], [5], []]


@given(pairs, st.integers(1, 50))
def test_what_is_tested_and_trained_on_is_counted_and_said(log, at_once):
    """However the users fall into blocks."""
    train, held_out = hold_out(grouped(log), torch.arange(0, len(log), 3))
    expected = sum(item in known for known, own in zip(rows(train), rows(held_out), strict=True) for item in own)
    with patch("fedrec.data.drawing.DRAWN_AT_ONCE", at_once), patch("fedrec.data.splitting.log.warning") as warning:
        tell_what_is_trained_on("x", train, held_out)
    assert [call.args[1:3] for call in warning.call_args_list] == ([("x", expected)] if expected else [])
