"""The server gets one upload from all sampled clients, malicious ones included, with each client's own gradients of the scorer."""

import pytest
import torch

from fedrec.aggregation.aggregate import Sum
from fedrec.federation.system import System
from fedrec.interfaces import Defense, PriorKnowledge
from fedrec.models.losses import LOSSES
from tests.reference.federations import MODELS, SYSTEM, Case, build_attack

PIPA = {
    "prior": "masked",
    "alignment": 1.0,
    "distance": 0.0,
    "high_share": 0.1,
    "medium_share": 0.4,
    "hidden": 3,
    "estimator_rate": 0.1,
    "estimator_steps": 1,
}
OPTIONS = {"a_ra": {"synthetic_users": 2, "user_std": 1.0}, "pipa": PIPA | {"user_std": 1.0, "estimator_steps": 1}}


class Recorder(Sum):
    """Sums, and remembers what it was given."""

    def __init__(self):
        self.uploads = []

    def __call__(self, upload, view):
        self.uploads.append(upload)
        return super().__call__(upload, view)


def watched_rounds(case):
    """Yield for every round the system, the global model and the users before it, what the attack sent, and what the server received."""
    system, attack, recorder, poison = System(**case.system), build_attack(case), Recorder(), []
    send = attack.poison
    attack.poison = lambda view: poison.append(send(view)) or poison[-1]
    defense = Defense(server=recorder)
    facts = (torch.tensor(case.targets), case.seed, torch.device("cpu"), PriorKnowledge())
    system.setup(case.train, MODELS[case.model], attack, defense, *facts)
    while system.round < system.n_rounds:
        before, users = system.global_model, system.users.clone()
        poison.clear()
        next(iter(system.rounds()))
        yield system, before, users, poison[0] if poison else None, recorder.uploads[-1]


@pytest.mark.parametrize("model", ["ncf", "ncf_flat"])
@pytest.mark.parametrize("attack", OPTIONS)
def test_scorer_rows_are_those_of_each_sender_in_sampling_order(attack, model):
    """A-ra's clients send some, PIPA's do not."""
    settings = {**SYSTEM, "learning_rate": 0.1, "clients_per_round": 5}
    case = Case([[0, 1], [2], [0, 3, 3], [4, 5], [1], [6, 2]], 8, [7], attack, OPTIONS[attack], None, settings, 0, model)
    mixed = 0
    for system, global_model, users, poison, upload in watched_rounds(case):
        sampled = system.sampler.sample(system.round - 1)
        assert torch.equal(upload.clients, sampled)
        senders, gradients = upload.scorer_rows()
        assert senders.tolist() == [place for place, client in enumerate(sampled.tolist()) if client < 6 or attack == "a_ra"]
        malicious = dict(zip(poison.clients.tolist(), range(len(sampled)), strict=False)) if poison else {}
        sent = poison.scorer_rows()[1] if poison else {}
        mixed += bool(malicious) and len(malicious) < len(sampled)
        assert set(gradients) == set(global_model.scorer) == set(upload.scorer_total())
        for name, value in upload.scorer_total().items():
            assert gradients[name].shape == (len(senders), *value.shape)
            assert torch.allclose(gradients[name].sum(0), value, atol=1e-6)
            stepped = global_model.scorer[name] - 0.1 * value
            assert torch.allclose(system.global_model.scorer[name], stepped, atol=1e-6)
        for row, client in enumerate(sampled[senders].tolist()):
            expected = benign(system, global_model, users, client) if client < 6 else {n: v[malicious[client - 6]] for n, v in sent.items()}
            for name, value in expected.items():
                assert torch.allclose(gradients[name][row], value, atol=1e-6)
    assert mixed


def benign(system, global_model, users, client):
    """What a benign client sends if it trains alone."""
    batch = system.data.batch(torch.tensor([client]))
    alone = system.model.local_gradients(users[[client]], global_model, batch, LOSSES[system.loss])
    return {name: value[0] for name, value in alone.scorer.per_client().items()}


def test_nobody_sends_gradients_of_a_scorer_that_has_no_parameters():
    case = Case([[0, 1], [2]], 8, [7], "a_ra", OPTIONS["a_ra"], None, {**SYSTEM, "clients_per_round": 3}, 0)
    for system, _, _, _, upload in watched_rounds(case):
        senders, gradients = upload.scorer_rows()
        assert (len(senders), gradients, upload.scorer_total()) == (0, {}, {})
        assert system.global_model.scorer == {}
