"""Small ragged federations, and how each is built from `fedrec`. `drawn_cases` draws them, and `oracles` builds them client by client."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any

import torch

from fedrec.attacks.a_hum import HardUserMining
from fedrec.attacks.a_ra import RandomApproximation
from fedrec.attacks.alie import LittleIsEnough
from fedrec.attacks.bandwagon import Bandwagon
from fedrec.attacks.cluster_attack import ClusterAttack
from fedrec.attacks.fed_attack import FedAttack
from fedrec.attacks.fedreca import FedRecAttack
from fedrec.attacks.frec_attack2 import FRecAttack2
from fedrec.attacks.ipm import InnerProductManipulation
from fedrec.attacks.min_max import MinMax
from fedrec.attacks.min_sum import MinSum
from fedrec.attacks.none import NoAttack
from fedrec.attacks.pieck_ipe import PieckIPE
from fedrec.attacks.pieck_uea import PieckUEA
from fedrec.attacks.pipa import PipAttack
from fedrec.attacks.poison_frs import PoisonFRS
from fedrec.attacks.popular import PopularFillers
from fedrec.attacks.psmu import SyntheticRankingUsers
from fedrec.attacks.random import RandomFillers
from fedrec.attacks.sign_flip import SignFlip
from fedrec.attacks.spattack import Spattack
from fedrec.defenses.bulyan import Bulyan
from fedrec.defenses.krum import Krum
from fedrec.defenses.median import Median
from fedrec.defenses.multi_krum import MultiKrum
from fedrec.defenses.ours import PopularityRegularizer
from fedrec.defenses.trimmed_mean import TrimmedMean
from fedrec.federation.system import System
from fedrec.interfaces import Aggregator, Attack, Defense, Interactions
from fedrec.models.lightgcn import LightGCN
from fedrec.models.mf import MatrixFactorization
from fedrec.models.ncf import NeuralCollaborativeFiltering
from fedrec.poisoning.prior_knowledge import reveal
from fedrec.randomness import generator

ATTACKS = {
    "none": NoAttack,
    "pieck_ipe": PieckIPE,
    "pieck_uea": PieckUEA,
    "fedreca": FedRecAttack,
    "pipa": PipAttack,
    "a_ra": RandomApproximation,
    "a_hum": HardUserMining,
    "random": RandomFillers,
    "popular": PopularFillers,
    "bandwagon": Bandwagon,
    "pip_attack": PipAttack,
    "poison_frs": PoisonFRS,
    "psmu": SyntheticRankingUsers,
    "alie": LittleIsEnough,
    "ipm": InnerProductManipulation,
    "min_max": MinMax,
    "min_sum": MinSum,
    "sign_flip": SignFlip,
    "spattack": Spattack,
    "cluster_attack": ClusterAttack,
    "fed_attack": FedAttack,
    "frec_attack2": FRecAttack2,
}
MODELS = {  # embeddings start large enough that every direction matters
    "mf": MatrixFactorization(dim=3, init_std=0.3),
    "ncf": NeuralCollaborativeFiltering(dim=3, init_std=0.3, layers=[4, 2], output_bias=True),
    "ncf_flat": NeuralCollaborativeFiltering(dim=2, init_std=0.3, layers=[5], output_bias=False),
    "lightgcn": LightGCN(dim=3, init_std=0.3, scorer="product", layers=[1]),
    "lightgcn_mlp": LightGCN(dim=2, init_std=0.3, scorer="mlp", layers=[4, 2]),
}
OF_PAPER = ("mf", "ncf", "ncf_flat")

RULES = {"median": Median, "trimmed_mean": TrimmedMean, "krum": Krum, "multi_krum": MultiKrum, "bulyan": Bulyan}
RULE_OPTIONS: Mapping[str, Any] = {
    "malicious_share": 0.34,
    "fallback": "sum",
    "score": "paper",
    "scope": "per_item",
    "scorer_share": "clients",
}

SYSTEM: Mapping[str, Any] = {
    "learning_rate": 1.0,
    "client_learning_rate": None,
    "server_learning_rate": None,
    "clients_per_round": 5,
    "epochs": 3,
    "sampling": "epoch",
    "negatives_per_positive": 1,
    "negatives": "repeated",
    "loss": "bce",
    "initial": "random",
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
    model: str = "mf"
    rule: str | None = None  # the server's, with RULE_OPTIONS

    @property
    def train(self) -> Interactions:
        offsets = torch.tensor([0] + [len(one) for one in self.positives]).cumsum(0)
        return Interactions(offsets, torch.tensor(list(chain(*self.positives)), dtype=torch.int32), self.n_items)


def build_attack(case: Case) -> Attack:
    return ATTACKS[case.attack](num_targets=len(case.targets), targets=case.targets, **case.attack_options)


def build_system(case: Case, device: str = "cpu") -> System:
    """Build the federation from `fedrec`, in torch's default precision."""
    system, attack, train = System(**case.system), build_attack(case), case.train
    defense = Defense(PopularityRegularizer(**case.defense) if case.defense else None, server=build_rule(case.rule))
    prior = reveal(attack.prior_wanted(), train, generator(case.seed, "prior"), torch.device(device))
    system.setup(train, MODELS[case.model], attack, defense, torch.tensor(case.targets), case.seed, torch.device(device), prior)
    return system


def build_rule(name: str | None) -> Aggregator | None:
    if name is None:
        return None
    taken = {field.name for field in fields(RULES[name]) if field.init}
    return RULES[name](**{option: value for option, value in RULE_OPTIONS.items() if option in taken})
