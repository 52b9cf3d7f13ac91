"""Mining quality, PKL, UCR and the expected share of poison, by hand."""

import pytest
import torch
from torch.nn.functional import kl_div, log_softmax

from fedrec.data.federated_data import FederatedData
from fedrec.data.presplit import Presplit
from fedrec.evaluation.diagnostics import covered_users, expected_poison_share, pairwise_kl
from fedrec.interfaces import Interactions

TRAIN = Interactions(torch.tensor([0, 2, 3]), torch.tensor([0, 1, 2], dtype=torch.int32), 4)


def test_pairwise_kl_is_the_mean_over_all_pairs():
    items, users = torch.randn(3, 5), torch.randn(4, 5)
    pairs = [kl_div(log_softmax(u, 0), log_softmax(v, 0), reduction="sum", log_target=True) for v in items for u in users]
    assert pairwise_kl(items, users) == pytest.approx(float(torch.stack(pairs).mean()), rel=1e-5)


def test_covered_users():
    assert covered_users(torch.tensor([1, 3]), TRAIN).tolist() == [True, False]


@pytest.mark.parametrize(("n", "share"), [(1, 0.6151), (10, 0.9830), (50, 0.9979), (150, 1.0)])
def test_popular_items_reach_as_many_users_as_in_table_ii(published, n, share):
    train = Presplit(root=str(published / "ml-100k"), validation=False).load(torch.Generator()).train
    popular = (train.popularity_ranks() <= n).nonzero().flatten()
    assert float(covered_users(popular, train).double().mean()) == pytest.approx(share, abs=5e-5)


def test_expected_poison_share():
    """User 0 has 2 of 4 items and draws 2 of the other 2; user 1 draws 1 of 3; 2 of 4 clients are malicious.

    Drawn with replacement, two draws of user 0 hit one of two items with probability 1 - 1/4.
    """
    for negatives, first in (("distinct", 1), ("repeated", 3 / 4)):
        assert expected_poison_share(3, TRAIN, 1, negatives, n_malicious=2) == pytest.approx(0.5 / (0.5 * (first + 1 / 3) / 2 + 0.5))
        assert expected_poison_share(0, TRAIN, 1, negatives, n_malicious=0) == 0


@pytest.mark.parametrize("negatives", ["distinct", "repeated"])
def test_as_many_users_train_on_a_target_as_expected(negatives):
    """20 users have it; 500 others have 5 of 30 items and draw 10 negatives."""
    positives = torch.cat([torch.arange(1, 6).repeat(500), torch.tensor([29]).repeat(20)]).int()
    train = Interactions(torch.cat([torch.arange(500) * 5, 2500 + torch.arange(21)]), positives, 30)
    data = FederatedData.draw(train, 2, negatives, torch.Generator().manual_seed(0))
    uploads = int((data.items == 29).sum())
    assert expected_poison_share(29, train, 2, negatives, n_malicious=52) == pytest.approx(52 / (52 + uploads), rel=0.05)
