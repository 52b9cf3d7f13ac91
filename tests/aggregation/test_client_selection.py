"""What rules that select clients share."""

from dataclasses import dataclass

import pytest
import torch

from fedrec.aggregation import ClientSelection, Fallback, shortened
from fedrec.aggregation.aggregate import aggregate
from fedrec.interfaces import Defense
from tests.defenses.uploads import of_rows

ROWS = torch.tensor([[1.0, 2.0], [10.0, 0.0], [3.0, 4.0], [7.0, 7.0]]).double()


@dataclass(kw_only=True)
class Selects(ClientSelection):
    """Accepts given clients and halves what they send."""

    those: list[bool]
    fallback: Fallback = "sum"

    def select(self, updates, view):
        return torch.tensor(self.those), torch.full((len(self.those),), 0.5).double()


def test_the_result_is_n_times_the_mean_of_the_accepted():
    """Client 2 sends nothing and is left out before; decisions name positions among all."""
    one = of_rows(torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 1, 3]), ROWS, 4)
    aggregation, _ = aggregate(Defense(server=Selects(those=[True, False, True])), one.upload, one.view)
    assert aggregation.gradient.items.tolist() == [[0.75, 1.5], [0, 0], [5.25, 5.25]]
    assert (aggregation.inspected.tolist(), aggregation.accepted.tolist()) == ([0, 1, 3], [True, False, True])
    assert not len(aggregation.fell_back) and not len(aggregation.unguarded)


@pytest.mark.parametrize(("fallback", "expected"), [("sum", [[11, 2], [3, 4]]), ("skip", [[0, 0], [0, 0]])])
def test_nobody_is_accepted(fallback, expected):
    one = of_rows(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), ROWS[:3], 2)
    aggregation, _ = aggregate(Defense(server=Selects(those=[False, False], fallback=fallback)), one.upload, one.view)
    assert aggregation.gradient.items.tolist() == expected
    assert sorted(aggregation.fell_back.tolist()) == [0, 1]
    assert aggregation.inspected is None and not len(aggregation.unguarded)


def test_of_two_clients_no_malicious_one_is_tolerated():
    one = of_rows(torch.tensor([0, 1]), torch.tensor([0, 1]), ROWS[:2], 2)
    aggregation, _ = aggregate(Defense(server=Selects(those=[True, True])), one.upload, one.view)
    assert sorted(aggregation.unguarded.tolist()) == [0, 1]


def test_vectors_are_shortened():
    lengths = torch.tensor([0.0, 1.0, 2.0, 8.0])
    assert shortened(lengths, torch.tensor(2.0)).tolist() == [1.0, 1.0, 1.0, 0.25]
    assert shortened(lengths, torch.tensor(0.0)).tolist() == [0.0] * 4
