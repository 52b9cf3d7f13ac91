"""Min-Max in closed form against its authors' search."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.federation.benign_statistics import StatisticsOfRound
from fedrec.interfaces import Upload
from tests.attacks.choices import Choice
from tests.reference.statistics_of_uploads import Omniscient


def steps_and_search(name, sizes, seed, scale, deviation, goal):
    """Return the rows that an attack sends and those that the search finds, [J, 3] of each, for items with so many uploads."""
    drawing = torch.Generator().manual_seed(seed)
    rows = scale * torch.randn(sum(sizes), 3, generator=drawing, dtype=torch.float64)
    items = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    places = torch.arange(sum(sizes))
    attack = Choice(name, "uploads", "mf").begun([], deviation=deviation)
    towards = torch.randn(3, generator=drawing, dtype=torch.float64) if goal else None
    sent = attack.rows(StatisticsOfRound(Upload.of_rows(places, items, places, rows), len(sizes)), 1, towards)
    search = Omniscient(name, {"deviation": deviation, "kappa": None}, [], lambda *_: torch.empty(0), tolerance=1e-5)
    return sent, torch.stack([search.row(list(rows[items == item]), 1, towards) for item in range(len(sizes))]), rows, items


drawn = {
    "sizes": st.lists(st.integers(1, 6), min_size=1, max_size=4),
    "seed": st.integers(0, 99),
    "scale": st.sampled_from([1e-3, 1.0, 100.0]),  # with 100 the search ends at 20
    "deviation": st.sampled_from(["std", "unit", "sign"]),
    "goal": st.booleans(),
}


@pytest.mark.parametrize("name", ["min_max", "min_sum"])
@given(**drawn)
def test_the_closed_form_is_what_the_search_finds(name, sizes, seed, scale, deviation, goal):
    sent, found, _, _ = steps_and_search(name, sizes, seed, scale, deviation, goal)
    longest = max(1.0, scale) * 2 if deviation == "std" or goal else 2.0  # of a deviation
    assert (sent - found).abs().max() <= 1e-5 * longest + 1e-9


@given(**drawn | {"scale": st.just(1.0)})
def test_the_farthest_benign_upload_is_as_far_as_two_of_them_are_apart(sizes, seed, scale, deviation, goal):
    sent, _, rows, items = steps_and_search("min_max", sizes, seed, scale, deviation, goal)
    for item, row in enumerate(sent):
        own = rows[items == item]
        if len(own) > 1:
            assert float((own - row).norm(dim=1).max()) == pytest.approx(float(torch.cdist(own, own).max()), rel=1e-6)
        else:
            assert torch.allclose(row, own[0])
