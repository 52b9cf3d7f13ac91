"""Mining quality, PKL, UCR and the expected share of poison, by hand."""

import pytest
import torch
from torch.nn.functional import kl_div, log_softmax

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
    """User 0 has 2 of 4 items, draws 2 of the other 2; user 1 draws 1 of 3: p_j = 2/3; 2 of 4 clients are malicious."""
    assert expected_poison_share(3, TRAIN, 1, n_malicious=2) == pytest.approx(0.5 / (0.5 * (1 + 1 / 3) / 2 + 0.5))
    assert expected_poison_share(0, TRAIN, 1, n_malicious=0) == 0
