"""The private data D_i hold all training positives, and q negatives for each from the items that the user has not trained on."""

import pytest
import torch
from hypothesis import given

from fedrec.data.federated_data import FederatedData
from tests.reference.federations import cases


@pytest.mark.parametrize("q", [1, 2, 4])
@given(case=cases())
def test_q_distinct_unseen_negatives_per_positive(case, q):
    data = FederatedData.draw(case.train, q, torch.Generator().manual_seed(0))
    for user, positives in enumerate(case.positives):
        batch = data.batch(torch.tensor([user]))
        n = len(positives)
        negatives = batch.items[n:].tolist()
        assert batch.items[:n].tolist() == positives
        assert batch.labels.tolist() == [1.0] * n + [0.0] * len(negatives)
        assert len(set(negatives)) == len(negatives) == min(q * n, case.n_items - len(set(positives)))
        assert not set(negatives) & set(positives)


def test_negatives_are_uniform():
    from fedrec.interfaces import Interactions

    train = Interactions(torch.arange(2001), torch.zeros(2000, dtype=torch.int32), 5)
    data = FederatedData.draw(train, 2, torch.Generator().manual_seed(0))
    assert torch.bincount(data.items).tolist() == pytest.approx([2000] + [1000] * 4, rel=0.1)
