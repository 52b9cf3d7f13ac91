"""What an omniscient attack is told of the round's benign uploads, against plain loops over them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.federation.benign_statistics import StatisticsOfRound
from fedrec.interfaces import DenseScorerGradients, FactoredRows, RowGroup, ScorerPart, Upload
from tests.reference.statistics_of_uploads import deviation, diameter, mean


@st.composite
def benign_uploads(draw):
    """Draw clients without rows, items without uploads, with one, and with equal ones; factored or dense rows."""
    n_items, n_clients, dim = draw(st.integers(1, 6)), draw(st.integers(0, 5)), draw(st.integers(1, 3))
    items = [draw(st.lists(st.integers(0, n_items - 1), unique=True, max_size=n_items)) for _ in range(n_clients)]
    drawing = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    n, ties = sum(map(len, items)), draw(st.booleans())

    def numbers(*shape):
        return (torch.randint(-1, 2, shape, generator=drawing) if ties else torch.randn(shape, generator=drawing)).double()

    clients = torch.arange(n_clients) * 2
    offsets = torch.tensor([0, *map(len, items)], dtype=torch.int32).cumsum(0, dtype=torch.int32)
    ids = torch.tensor([item for own in items for item in own], dtype=torch.int32)
    parts = (
        FactoredRows(numbers(n), numbers(n_clients, dim)),
        *([FactoredRows(numbers(n), numbers(n_clients, dim), numbers(n_items, dim))]),
    )
    senders = torch.arange(0, n_clients, draw(st.integers(1, 2)))
    scorer = (ScorerPart(senders, DenseScorerGradients({"W": numbers(len(senders), 2, 3), "c": numbers(len(senders), 1)})),)
    group = RowGroup(torch.arange(n_clients), offsets, ids, parts[: draw(st.integers(1, 2))])
    return Upload(clients, (group,), scorer if draw(st.booleans()) else ()), n_items


def assert_told(statistics, uploads):
    """Compare the statistics for J things with the uploads for each, J lists of [p]."""
    expected = torch.stack([mean(rows) for rows in uploads])
    assert statistics.counts.tolist() == list(map(len, uploads)) and statistics.counts.dtype == torch.int64
    torch.testing.assert_close(statistics.means, expected)
    torch.testing.assert_close(statistics.sums, torch.stack([sum(rows) for rows in uploads]))
    torch.testing.assert_close(statistics.stds, torch.stack([deviation(rows) for rows in uploads]), rtol=1e-6, atol=1e-6)
    points = expected + 1
    distances, places = statistics.squared_distances(points), statistics.places
    for place, rows in enumerate(uploads):
        told = distances[places == place].sort().values
        torch.testing.assert_close(told, torch.stack([(row - points[place]).square().sum() for row in rows]).sort().values)
    torch.testing.assert_close(
        statistics.diameters(), torch.tensor(list(map(diameter, uploads)), dtype=torch.float64), rtol=1e-6, atol=1e-6
    )


@given(drawn=benign_uploads())
def test_statistics_are_those_of_all_benign_uploads(drawn):
    upload, n_items = drawn
    statistics = StatisticsOfRound(upload, n_items)
    assert statistics.items.tolist() == sorted(set(upload.items.tolist()))
    if len(statistics.items):
        assert_told(statistics, [list(upload.rows[upload.items == item]) for item in statistics.items])
        chosen = statistics.items % 2 == 0
        if chosen.any():
            assert_told(statistics.only(chosen), [list(upload.rows[upload.items == item]) for item in statistics.items[chosen]])
    _, gradients = upload.scorer_rows()
    assert set(statistics.scorer) == {name for name, value in gradients.items() if len(value)}
    for name, tensor in statistics.scorer.items():
        assert_told(tensor, [list(gradients[name].flatten(1))])


def test_equal_uploads_have_no_deviation_in_single_precision():
    rows = torch.full((1, 3), 0.1).repeat(7, 1)
    upload = Upload.of_rows(torch.arange(7), torch.zeros(7, dtype=torch.int64), torch.arange(7), rows)
    statistics = StatisticsOfRound(upload, 1)
    assert not statistics.stds.any() and statistics.stds.dtype == torch.float32
    assert float(statistics.diameters()) == 0


def test_nothing_is_computed_before_it_is_read():
    class Untouchable(FactoredRows):
        def sum(self, *arguments):
            raise AssertionError("summed")

    rows = Untouchable(torch.ones(2), torch.ones(1, 3))
    group = RowGroup(torch.tensor([0]), torch.tensor([0, 2], dtype=torch.int32), torch.tensor([1, 0], dtype=torch.int32), (rows,))
    statistics = StatisticsOfRound(Upload(torch.tensor([0]), (group,)), 2)
    assert statistics.counts.tolist() == [1, 1]
    with pytest.raises(AssertionError, match="summed"):
        statistics.means  # noqa: B018 - reading is what computes
