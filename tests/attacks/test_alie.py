"""How many standard deviations ALIE goes. The uploads themselves: the oracle has them."""

from statistics import NormalDist

import pytest
import torch

from fedrec.attacks.alie import normal_quantiles
from tests.attacks.choices import N_CLIENTS, Choice

quantile = NormalDist().inv_cdf


@pytest.mark.parametrize(
    ("n_benign", "n_malicious", "share"),
    [
        (27, 24, 25 / 27),  # n = 51, s = 2: the paper's example has these numbers of workers
        (38, 12, 24 / 38),  # n = 50, s = 14
        (90, 10, 49 / 90),  # n = 100, s = 41
        (3, 1, 0.5),  # (3 - 2) / 3 is on the other side of the mean
        (1, 1, 0.5),  # s = 1: no benign upload is left
        (1, 0, 0.5),
        (10, 30, 10 / 11),  # the attackers are the majority
        (1, 30, 0.5),
    ],
)
def test_quantiles(n_benign, n_malicious, share):
    (z,) = normal_quantiles(torch.tensor([n_benign]), torch.tensor([n_malicious])).tolist()
    assert z == pytest.approx(quantile(share), abs=1e-12)


def test_no_quantile_is_negative_or_infinite():
    z = torch.stack([normal_quantiles(torch.arange(1, 400), torch.tensor([n])) for n in range(60)])
    assert z.min() == 0 and z.isfinite().all()


def test_a_fixed_number_of_deviations():
    choice = Choice("alie", "uploads", "mf")
    attack = choice.begun([], z=1.5)
    (view,) = choice.views([range(N_CLIENTS)], attack)
    rows = attack.poison(view).rows[: len(view.uploads.items)]
    torch.testing.assert_close((rows - view.uploads.means) / view.uploads.stds, torch.full_like(rows, 1.5))


def test_with_few_rows_a_client_the_attackers_of_each_item_count():
    choice = Choice("alie", "uploads", "mf")
    attack = choice.begun([], kappa=3)
    (view,) = choice.views([range(N_CLIENTS)], attack)
    uploads, sent = view.uploads, attack.poison(view)
    for item, row in zip(sent.items.tolist(), sent.rows, strict=True):
        (place,) = (uploads.items == item).nonzero().flatten().tolist()
        n_benign, n_malicious = int(uploads.counts[place]), int((sent.items == item).sum())
        assert n_malicious < N_CLIENTS
        share = (n_benign - ((n_benign + n_malicious) // 2 + 1 - n_malicious)) / n_benign
        z = quantile(min(max(share, 0.5), n_benign / (n_benign + 1)))
        torch.testing.assert_close(row, uploads.means[place] + z * uploads.stds[place])
