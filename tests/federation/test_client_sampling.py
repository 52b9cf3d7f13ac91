"""Who takes part in a round: everybody once an epoch, or clients drawn anew for every round."""

import pytest
import torch

from fedrec.federation.client_sampling import ClientSampler


def test_every_client_takes_part_once_per_epoch():
    sampler = ClientSampler(n_clients=3, clients_per_round=2, mode="epoch", seed=0)
    assert sampler.rounds_per_epoch == 2
    for epoch in range(3):
        sampled = torch.cat([sampler.sample(2 * epoch), sampler.sample(2 * epoch + 1)])
        assert sampled.sort().values.tolist() == [0, 1, 2]


@pytest.mark.parametrize("sampling", ["epoch", "uniform"])
def test_clients_are_drawn_anew_every_epoch(sampling):
    sampler = ClientSampler(n_clients=100, clients_per_round=100, mode=sampling, seed=0)
    first, second = sampler.sample(0), sampler.sample(1)
    assert not first.equal(second)
    assert first.sort().values.equal(second.sort().values)


def test_uniform_sampling_reaches_everybody_equally_often():
    sampler = ClientSampler(n_clients=20_000, clients_per_round=100, mode="uniform", seed=0)
    drawn = torch.stack([sampler.sample(round) for round in range(400)])
    assert all(len(row.unique()) == 100 for row in drawn)
    assert torch.bincount(drawn.flatten() // 5_000).tolist() == pytest.approx([10_000] * 4, rel=0.05)
