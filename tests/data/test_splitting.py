"""Leave-one-out against plain loops."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.data.splitting import by_user, hold_out, leave_one_out
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
