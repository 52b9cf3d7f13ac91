"""Ids are numbered by first appearance over all batches, whenever the waiting ones are numbered; few dictionaries wait at once."""

import numpy as np
import pyarrow as pa
import pytest

from fedrec.data.raw_files import numbered
from fedrec.data.table import numbering
from fedrec.data.table.numbering import Numbering


@pytest.mark.parametrize("waiting", [0, 5, 1 << 20])
@pytest.mark.parametrize("kind", [int, str])
def test_batches_are_numbered_as_one(waiting, kind, monkeypatch):
    monkeypatch.setattr(numbering, "WAITING", waiting)
    random = np.random.default_rng(0)
    batches = [[kind(one) for one in random.integers(0, 30, 20)] for _ in range(10)]
    found = Numbering()
    for batch in batches:
        found.add(pa.array(batch))
    numbers, ids = found.finish()
    expected = numbered(np.array([int(one) for batch in batches for one in batch]))
    assert numbers.dtype == np.int32 and (numbers == expected[0]).all()
    assert ids.dtype == np.int64 and (ids == expected[1]).all()  # text that is whole numbers becomes such


def test_whole_numbers_in_one_batch_and_text_in_another(monkeypatch):
    monkeypatch.setattr(numbering, "WAITING", 0)
    found = Numbering()
    for batch in ([7, 3], ["3", "x"], [7]):
        found.add(pa.array(batch))
    numbers, ids = found.finish()
    assert numbers.tolist() == [0, 1, 1, 2, 0] and ids.tolist() == ["7", "3", "x"]


def test_no_batch_at_all():
    numbers, ids = Numbering().finish()
    assert len(numbers) == len(ids) == 0


def test_ids_that_wait_are_never_many_more_than_those_that_are_known(monkeypatch):
    monkeypatch.setattr(numbering, "WAITING", 10)
    found, most = Numbering(), 0
    for _ in range(50):
        found.add(pa.array(np.arange(100)))
        most = max(most, found._n_waiting)
    assert most <= 100
