"""Interactions and splits: what is counted in parts."""

import torch

from fedrec.interfaces import Interactions, dataset


def test_popularity_counted_in_parts(monkeypatch):
    monkeypatch.setattr(dataset, "COUNTED_AT_ONCE", 2)
    items = torch.tensor([3, 1, 3, 0, 3], dtype=torch.int32)
    assert Interactions(torch.tensor([0, 5]), items, 5).popularity().tolist() == [1, 1, 0, 3, 0]
