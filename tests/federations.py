"""Small ragged federations drawn by hypothesis, and the same federation built from `fedrec` and from the oracle."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from fedrec.attacks.none import NoAttack
from fedrec.attacks.pieck_ipe import PieckIPE
from fedrec.attacks.pieck_uea import PieckUEA
from fedrec.data.interactions import Interactions
from fedrec.defenses.ours import PopularityRegularizer
from fedrec.federation.system import System
from fedrec.interfaces import Attack, Defense
from fedrec.mining import PopularItemMiner
from fedrec.models.mf import MatrixFactorization
from tests import oracle

ATTACKS = {"none": NoAttack, "pieck_ipe": PieckIPE, "pieck_uea": PieckUEA}

SYSTEM: Mapping[str, Any] = {
    "learning_rate": 1.0,
    "client_learning_rate": None,
    "clients_per_round": 5,
    "epochs": 3,
    "sampling": "epoch",
    "negatives_per_positive": 1,
    "loss": "bce",
    "malicious_share": 0.5,
}


@dataclass(frozen=True)
class Case:
    """Everything that defines a small federation."""

    positives: list[list[int]]
    n_items: int
    targets: list[int]
    attack: str
    attack_options: dict[str, Any]
    defense: dict[str, Any] | None
    system: Mapping[str, Any]
    seed: int

    @property
    def train(self) -> Interactions:
        offsets = torch.tensor([0] + [len(one) for one in self.positives]).cumsum(0)
        return Interactions(offsets, torch.tensor(list(chain(*self.positives)), dtype=torch.int32), self.n_items)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Users with duplicates, one interaction, or no item left for a negative; rounds without benign or malicious clients."""
    n_items = draw(st.integers(4, 12))
    user = st.lists(st.integers(0, n_items - 1), min_size=1, max_size=n_items + 2)
    positives = draw(st.lists(user, min_size=2, max_size=7))
    if draw(st.booleans()):
        positives[0] = list(range(n_items))  # no negatives left
    targets = draw(st.lists(st.integers(0, n_items - 1), min_size=1, max_size=2, unique=True))
    mined = draw(st.integers(1, n_items - len(targets)))
    common = {"N": mined, "mining_times": draw(st.sampled_from([1, 2, 2, 3])), "multi_target": draw(st.sampled_from(["copy", "together"]))}
    attack = draw(st.sampled_from(list(ATTACKS)))
    own = {
        "none": {},
        "pieck_ipe": {**common, "lambda_": draw(st.sampled_from([0.5, 0.9])), "ranks": draw(st.sampled_from(["all", "subset"]))},
        "pieck_uea": {**common, "batches": draw(st.integers(1, mined)), "rounds": draw(st.integers(1, 3))},
    }
    defense = {
        "N": draw(st.integers(1, n_items)),
        "beta": draw(st.sampled_from([0.0, 1.0, 3.0])),
        "gamma": draw(st.sampled_from([0.0, 1.0, 20.0])),
        "weighting": draw(st.sampled_from(["exp", "square"])),
        "divergence": draw(st.sampled_from(["user_from_item", "item_from_user"])),
        "reduction": draw(st.sampled_from(["mean", "sum"])),
        "mining_times": draw(st.sampled_from([1, 2])),
    }
    system = {
        "learning_rate": 1.0,
        "client_learning_rate": draw(st.sampled_from([None, 0.1, (0.1, 1.0)])),
        "clients_per_round": draw(st.integers(1, 5)),
        "epochs": 5,
        "sampling": draw(st.sampled_from(["epoch", "uniform"])),
        "negatives_per_positive": draw(st.integers(1, 3)),
        "loss": draw(st.sampled_from(["bce", "bpr"])),
        "malicious_share": 0.5,
    }
    chosen = defense if draw(st.booleans()) else None
    return Case(positives, n_items, targets, attack, own[attack], chosen, system, draw(st.integers(0, 99)))


def build_attack(case: Case) -> Attack:
    return ATTACKS[case.attack](num_targets=len(case.targets), targets=case.targets, **case.attack_options)


def build_system(case: Case, device: str = "cpu") -> System:
    """`fedrec`'s engine, in torch's default precision; embeddings start large enough for every direction to matter."""
    system = System(**case.system)
    defense = Defense(client=PopularityRegularizer(**case.defense)) if case.defense else Defense()
    model = MatrixFactorization(dim=3, init_std=0.3)
    system.begin(case.train, model, build_attack(case), defense, torch.tensor(case.targets), case.seed, torch.device(device))
    return system


def build_oracle(case: Case, system: System) -> oracle.Server:
    """The same federation, client by client, from the state in which `system` starts."""
    rates: Any = system.client_rates
    benign = []
    for user, positives in enumerate(case.positives):
        batch = system.data.batch(torch.tensor([user]))
        rate = rates if isinstance(rates, float) else float(rates[user])
        defense = oracle.Ours(**case.defense) if case.defense else None
        benign.append(oracle.BenignClient(system.users[user], batch.items.long(), len(positives), case.system["loss"], rate, defense))
    options: Mapping[str, Any] = case.attack_options
    malicious = [oracle.MaliciousClient(options, case.targets) for _ in range(system.n_malicious)]
    for part, clients in ((system.attack, malicious), (system.defense.client, benign if case.defense else [])):
        for number, client in enumerate(clients):
            client.miner.settle_ties = partial(_same_changes, part.miner, number)
    return oracle.Server(system.received.items, case.system["learning_rate"], benign, malicious)


def _same_changes(miner: PopularItemMiner, client: int, delta_norm: Tensor, expected: list[int]) -> list[int]:
    """The engine's mined items, once proven equal to the oracle's up to items that changed equally much (but for rounding)."""
    mined = miner.mined[client].tolist()
    assert miner.has_mined[client] and len(set(mined)) == len(expected)
    assert torch.allclose(delta_norm[mined], delta_norm[expected], rtol=1e-5)
    return mined
