"""Small ragged federations that hypothesis draws; each is built from `fedrec` and from the oracle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from itertools import chain
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

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
from fedrec.data.federated_data import FederatedData
from fedrec.defenses.bulyan import Bulyan
from fedrec.defenses.krum import Krum
from fedrec.defenses.median import Median
from fedrec.defenses.multi_krum import MultiKrum
from fedrec.defenses.ours import PopularityRegularizer
from fedrec.defenses.trimmed_mean import TrimmedMean
from fedrec.federation.system import System
from fedrec.interfaces import Aggregator, Attack, Defense, Interactions
from fedrec.mining import PopularItemMiner
from fedrec.models.lightgcn import LightGCN
from fedrec.models.mf import MatrixFactorization
from fedrec.models.ncf import NeuralCollaborativeFiltering
from fedrec.poisoning.fake_profiles import FakeProfiles
from fedrec.poisoning.mined_items import MinedItemsAttack
from fedrec.poisoning.omniscient import OmniscientAttack
from fedrec.poisoning.prior_knowledge import reveal
from fedrec.randomness import generator
from tests.reference import attacks as oracle_attacks
from tests.reference import defenses as oracle_defenses
from tests.reference import federation as oracle
from tests.reference import promoting_attacks as promoting
from tests.reference import untargeted_attacks
from tests.reference.light_graph import StarClient
from tests.reference.statistics_of_uploads import Omniscient

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


@st.composite
def cases(draw: st.DrawFn, attacks: Sequence[str] = tuple(ATTACKS), models: Sequence[str] = OF_PAPER) -> Case:
    """Draw users with duplicates, one interaction, or no item left for a negative; rounds may lack benign or malicious clients."""
    n_items = draw(st.integers(4, 12))
    user = st.lists(st.integers(0, n_items - 1), min_size=1, max_size=n_items + 2)
    positives = draw(st.lists(user, min_size=2, max_size=7))
    if draw(st.booleans()):
        positives[0] = list(range(n_items))  # no negatives left
    attack = draw(st.sampled_from(attacks))
    targets = draw(st.lists(st.integers(0, n_items - 1), min_size=int(ATTACKS[attack].promotes), max_size=2, unique=True))
    options = draw(attack_options(attack, n_items, len(targets)))
    defense = {
        "N": draw(st.integers(1, n_items)),
        "beta": draw(st.sampled_from([0.0, 1.0, 3.0])),
        "gamma": draw(st.sampled_from([0.0, 1.0, 20.0])),
        "weighting": draw(st.sampled_from(["exp", "square"])),
        "divergence": draw(st.sampled_from(["user_from_item", "item_from_user"])),
        "reduction": draw(st.sampled_from(["mean", "sum"])),
        "mining_times": draw(st.sampled_from([1, 2])),
        "starts": draw(st.sampled_from(["first", "mined"])),
    }
    model = draw(st.sampled_from(models))
    system = {
        "learning_rate": 1.0 if model in ("mf", "lightgcn") else 0.05,  # a perceptron would diverge
        "client_learning_rate": draw(st.sampled_from([None, 0.1, (0.1, 1.0)])),
        "clients_per_round": draw(st.integers(1, 5)),
        "epochs": 5,
        "sampling": draw(st.sampled_from(["epoch", "uniform"])),
        "negatives_per_positive": draw(st.integers(1, 3)),
        "negatives": draw(st.sampled_from(["repeated", "distinct"])),
        "loss": draw(st.sampled_from(["bce", "bpr"])),
        "initial": "random",
        "malicious_share": 0.5,
    }
    chosen = defense if draw(st.booleans()) else None
    return Case(positives, n_items, targets, attack, options, chosen, system, draw(st.integers(0, 99)), model)


@st.composite
def attack_options(draw: st.DrawFn, attack: str, n_items: int, n_targets: int) -> dict[str, Any]:
    """Draw options that fit the federation, small enough for the oracle and extreme enough for every branch."""
    mined = draw(st.integers(1, n_items - n_targets))
    pieck = {
        "N": mined,
        "mining_times": draw(st.sampled_from([1, 2, 2, 3])),
        "starts": draw(st.sampled_from(["first", "mined"])),
        "multi_target": draw(st.sampled_from(["copy", "together"])),
        "adaptive": draw(st.booleans()),
        "gamma": draw(st.sampled_from([0.0, 3.0])),
    }
    synthetic = {"synthetic_users": draw(st.integers(1, 3)), "user_std": draw(st.sampled_from([0.01, 1.0]))}
    profiles = {"kappa": draw(st.integers(2 * n_targets, n_items))}
    popularity = {"prior": draw(st.sampled_from(["masked", "popularity"]))}
    pipa = {
        **popularity,
        "user_std": 1.0,
        "alignment": draw(st.sampled_from([0.0, 2.0])),
        "high_share": 0.3,
        "medium_share": 0.3,
        "hidden": 3,
        "estimator_rate": 0.1,
        "estimator_steps": draw(st.integers(1, 2)),
    }
    omniscient = {
        "prior": "uploads",
        "kappa": draw(st.sampled_from([None, 1, 3])),
        "popular_items": draw(st.integers(1, 3)),
    }
    deviation = {"deviation": draw(st.sampled_from(["std", "unit", "sign"]))}
    return {
        "none": {},
        "pieck_ipe": {
            **pieck,
            "lambda_": draw(st.sampled_from([0.5, 0.9])),
            "ranks": draw(st.sampled_from(["all", "subset"])),
            "single_sign": draw(st.sampled_from(["multiply", "divide"])),
            "vanishing_guard": draw(st.sampled_from([None, 0.1, 0.95])),
            "similarity": draw(st.sampled_from(["split_cosine", "cosine", "kl"])),
            "weighted": draw(st.booleans()),
        },
        "pieck_uea": {
            **pieck,
            "batches": draw(st.integers(1, mined)),
            "rounds": draw(st.integers(1, 3)),
            "repetitions": draw(st.sampled_from(["inner", "outer"])),
            "poison_scorer": draw(st.booleans()),
        },
        "fedreca": {
            "prior": draw(st.sampled_from(["masked", "interactions"])),
            "known_share": draw(st.sampled_from([0.3, 1.0])),
            "synthetic_users": draw(st.integers(0, 3)),
            "user_std": 1.0,
            "user_rate": 0.1,
            "top_k": draw(st.integers(1, 4)),
            "kappa": n_targets + draw(st.integers(0, 3)),
            "max_norm": draw(st.sampled_from([0.2, 1.0])),
        },
        "pipa": {**pipa, "distance": 0.0},
        "pip_attack": {**pipa, "distance": draw(st.sampled_from([0.1, 0.7]))},
        "poison_frs": {
            "start_round": draw(st.integers(0, 2)),
            "N": draw(st.integers(1, n_items - n_targets)),
            "lambda_": 2.0,
            "max_lambda": draw(st.sampled_from([2.0, 5.0, 20.0])),
            "kappa": n_targets + draw(st.integers(0, n_items)),
            "noise_std": draw(st.sampled_from([0.0, 0.1])),
        },
        "psmu": {
            "profile_size": draw(st.integers(1, n_items // 2)),
            "user_std": 0.5,
            "user_rate": 0.1,
            "steps": draw(st.integers(1, 3)),
            "top_k": draw(st.integers(1, 4)),
            "alternatives": draw(st.integers(1, n_items)),
        },
        "a_ra": synthetic,
        "a_hum": {**synthetic, "steps": draw(st.integers(1, 3)), "least_slope": draw(st.sampled_from([0.0, 1e-12, 0.2]))},
        "random": profiles,
        "popular": {**profiles, **popularity},
        "bandwagon": {**profiles, **popularity, "popular_share": draw(st.sampled_from([0.1, 0.6]))},
        "alie": {**omniscient, "z": draw(st.sampled_from([None, 1.5]))},
        "ipm": {**omniscient, "epsilon": 0.5},
        "min_max": {**omniscient, **deviation},
        "min_sum": {**omniscient, **deviation},
        "sign_flip": omniscient,
        **untargeted_options(draw, n_items),
    }[attack]


def untargeted_options(draw: st.DrawFn, n_items: int) -> dict[str, dict[str, Any]]:
    profile = {"kappa": draw(st.integers(2, n_items)), "prior": draw(st.sampled_from(["masked", "popularity"]))}
    clusters = draw(st.integers(1, n_items))
    return {
        "spattack": {
            "prior": draw(st.sampled_from(["masked", "popularity", "uploads"])),
            "kappa": draw(st.one_of(st.none(), st.integers(1, n_items))),
        },
        "cluster_attack": {
            **profile,
            "clusters": clusters,
            "most_clusters": draw(st.integers(clusters, n_items)),
            "patience": draw(st.integers(1, 3)),
            "decay": draw(st.sampled_from([0.0, 0.9])),
            "spread": draw(st.sampled_from([0.0, 3.0])),
            "zero_rows": draw(st.sampled_from(["ignored", "counted"])),
        },
        "fed_attack": {**profile, "hardest": draw(st.integers(1, min(profile["kappa"] // 2, n_items - profile["kappa"] // 2)))},
        "frec_attack2": {
            **profile,
            "collude": draw(st.booleans()),
            "virtual_users": draw(st.integers(1, 3)),
            "spread": draw(st.sampled_from([0.1, 1.0])),
            "alpha": draw(st.sampled_from([0.25, 0.5])),
            "patience": draw(st.integers(1, 2)),
            "later_patience": 1,
            "weighting": draw(st.sampled_from(["rows", "mean"])),
            "own_steps": draw(st.integers(1, 2)),
        },
    }


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


def build_oracle(case: Case, system: System) -> oracle.Server:
    """Build the same federation client by client, from the state in which `system` starts."""
    rates: Any = system.client_rates
    benign = []
    for user, positives in enumerate(case.positives):
        draws, n_positives = draws_of(system.data, user)
        assert sorted(draws[:n_positives].tolist()) == sorted(positives)
        rate = rates if isinstance(rates, float) else float(rates[user])
        defense = oracle.Ours(**case.defense) if case.defense else None
        client = StarClient if case.model.startswith("lightgcn") else oracle.BenignClient
        benign.append(client(system.users[user], draws, n_positives, case.system["loss"], rate, defense))
        if defense:
            benign[user].miner.settle_ties = partial(_same_changes, system.defense.client.miner, user)
    attacker = build_attacker(case, system.attack, system.n_malicious)
    for number, miner in enumerate(attacker.miners if attacker else ()):
        miner.settle_ties = partial(_same_changes, system.attack.miner, number)
    agg = oracle_defenses.RobustSum(case.rule, **RULE_OPTIONS) if case.rule else None
    return oracle.Server(system.global_model.items, case.system["learning_rate"], benign, attacker, system.global_model.scorer, agg=agg)


def draws_of(data: FederatedData, user: int) -> tuple[Tensor, int]:
    """Return the item of each draw of a user, positives first, and the number of positives."""
    batch = data.batch(torch.tensor([user]))
    return batch.items.long().repeat_interleave(batch.counts.long()), int(batch.counts[batch.labels == 1].sum())


def build_attacker(case: Case, attack: Attack, n_clients: int) -> oracle.Attacker | None:
    """Build the oracle of the same attack; it takes random draws from the same streams as `fedrec`, or from `fedrec`."""
    options, targets = case.attack_options, case.targets
    if isinstance(attack, MinedItemsAttack) and attack.stand_ins:
        return promoting.AdaptivePieck(options, targets, attack.stand_ins.users.clone(), partial(_profile_of_stand_in, attack))
    if isinstance(attack, MinedItemsAttack):
        return oracle_attacks.Pieck(options, targets, n_clients)
    if isinstance(attack, RandomApproximation):
        return oracle_attacks.SyntheticUsers(options, targets, partial(_synthetic_users, attack, MODELS[case.model].dim))
    if isinstance(attack, PipAttack):
        levels = _levels(case.train.popularity_ranks().tolist(), options) if attack.estimator else None
        return promoting.NearbyPipa(options, targets, attack.users.clone(), levels, attack.estimator.parameters if attack.estimator else ())
    if isinstance(attack, FakeProfiles):
        n_popular = attack.n_popular(options["kappa"] // 2 - len(targets))
        miners = [oracle.Miner(n_popular, 2, targets) for _ in range(n_clients)] if attack.miner else []
        return oracle_attacks.FakeProfiles(attack.users.clone(), case.system["loss"], partial(_profile, attack, n_popular, case), miners)
    if isinstance(attack, FedRecAttack):
        return _fedreca(case, attack)
    if isinstance(attack, PoisonFRS):
        return promoting.PoisonFrs(options, targets, partial(_noise, attack, MODELS[case.model].dim))
    if isinstance(attack, SyntheticRankingUsers):
        return promoting.Psmu(options, targets, partial(_ranking_users, attack, case))
    if isinstance(attack, OmniscientAttack):
        return Omniscient(case.attack, options, targets, partial(_keys_of_rows, attack))
    if isinstance(attack, Spattack):
        return untargeted_attacks.Spattack(options, attack.drawn, partial(_keys_of_items, attack), popularity_told(case, attack))
    if isinstance(attack, ClusterAttack | FedAttack | FRecAttack2):
        return _honest(case, attack)
    return None


def _noise(attack: PoisonFRS, size: int, round: int, clients: list[int], n_rows: int) -> Tensor:
    shape = (len(clients), n_rows, size)
    return attack.noise_std * torch.randn(shape, generator=generator(attack.known.seed, f"noise/{round}"))


def _ranking_users(attack: SyntheticRankingUsers, case: Case, round: int, clients: list[int]) -> list[tuple[Tensor, list[int]]]:
    drawing = generator(attack.known.seed, f"users/{round}")
    users = attack.user_std * torch.randn(len(clients), MODELS[case.model].dim, generator=drawing)
    profiles = torch.rand(len(clients), case.n_items, generator=drawing).topk(2 * attack.profile_size, dim=1).indices
    return list(zip(users, profiles.tolist(), strict=True))


def _profile_of_stand_in(attack: MinedItemsAttack, client: int, mined: list[int]) -> list[int]:
    """Return the profile that `fedrec` drew, once proven to be what the attack calls for."""
    assert attack.stand_ins is not None
    profile: list[int] = attack.stand_ins.profiles[client].tolist()
    assert len(set(profile)) == len(profile) and set(profile[: len(profile) // 2]) <= set(mined)
    assert not set(profile) & set(attack.known.target_items.tolist())
    return profile


def popularity_told(case: Case, attack: Attack) -> list[int] | None:
    """Return how often each item was trained on, if the attack is told so."""
    told = attack.known.prior.popularity
    assert told is None or told.tolist() == [sum(one.count(item) for one in case.positives) for item in range(case.n_items)]
    return None if told is None else told.tolist()


def _keys_of_items(attack: Spattack, round: int, n: int) -> Tensor:
    return torch.empty(n, attack.known.n_items).exponential_(generator=generator(attack.known.seed, f"items/{round}"))


def _honest(case: Case, attack: Any) -> untargeted_attacks.Honest:
    """Build an attack of clients with made-up profiles."""
    seed, n_items, size, profiles = attack.known.seed, case.n_items, MODELS[case.model].dim, attack.honest.profiles.tolist()
    assert all(len(set(profile)) == len(profile) == case.attack_options["kappa"] // 2 * 2 for profile in profiles)
    common = case.attack_options, attack.honest.users.clone(), profiles, case.system["loss"]

    def drawn_order(round: int, n: int) -> list[int]:
        return torch.randperm(n, generator=generator(seed, f"centres/{round}")).tolist()

    if isinstance(attack, ClusterAttack):
        return untargeted_attacks.ClusterAttack(
            *common,
            lambda round, n_clusters: drawn_order(round, n_items)[:n_clusters],
            lambda round, n: torch.rand(n, n_items, generator=generator(seed, f"lengths/{round}")),
        )
    if isinstance(attack, FRecAttack2):
        n_users = attack.virtual_users
        return untargeted_attacks.FRecAttack2(
            *common, lambda round, n: torch.randn(n, n_users, size, generator=generator(seed, f"virtual_users/{round}")), drawn_order
        )
    return untargeted_attacks.FedAttack(*common)


def _synthetic_users(attack: RandomApproximation, size: int, round: int, clients: list[int]) -> Tensor:
    shape = (len(clients), attack.synthetic_users, size)
    return attack.user_std * torch.randn(shape, generator=generator(attack.known.seed, f"users/{round}"))


def _keys_of_rows(attack: OmniscientAttack, round: int, n_clients: int, n_items: int) -> Tensor:
    return torch.rand(n_clients, n_items, generator=generator(attack.known.seed, f"rows/{round}"))


def _levels(ranks: list[int], options: Mapping[str, Any]) -> Tensor:
    high = options["high_share"] * len(ranks)
    low = high + options["medium_share"] * len(ranks)
    return torch.tensor([0 if rank - 0.5 <= high else 1 if rank - 0.5 <= low else 2 for rank in ranks])


def _profile(attack: FakeProfiles, n_popular: int, case: Case, client: int) -> list[int]:
    """Return the profile that `fedrec` drew, once proven to be what the attack calls for."""
    profile: list[int] = attack.profiles[client].tolist()
    assert len(set(profile)) == len(profile) == case.attack_options["kappa"] // 2 * 2
    assert profile[: len(case.targets)] == case.targets
    popular = profile[len(case.targets) :][:n_popular]
    if attack.miner:
        assert popular == attack.miner.mined[client].tolist()
    elif n_popular:
        counts = case.train.popularity()
        counts[case.targets] = -1
        assert counts[popular].tolist() == counts.sort(descending=True).values[:n_popular].tolist()
    return profile


def _fedreca(case: Case, attack: FedRecAttack) -> oracle_attacks.FedRecA:
    seed, size = attack.known.seed, MODELS[case.model].dim
    known: list[list[int]] | None = None
    if attack.known_users:
        owners, items = (part.tolist() for part in attack.known.prior.interactions)
        known = [[item for one, item in zip(owners, items, strict=True) if one == owner] for owner in sorted(set(owners))]
        for owner, mine in zip(sorted(set(owners)), known, strict=True):
            assert len(mine) - 1 < attack.known_share * len(case.positives[owner]) + 1 and set(mine) <= set(case.positives[owner])

    def users(round: int) -> Tensor:
        if attack.known_users:
            return attack.known_users.users.detach().clone()
        return attack.user_std * torch.randn(attack.synthetic_users, size, generator=generator(seed, f"users/{round}"))

    def draws(round: int, user: int) -> tuple[list[int], int]:
        data = FederatedData.draw(attack.known_users.pairs, 1, "distinct", generator(seed, f"negatives/{round}"))
        drawn, n_known = draws_of(data, user)
        assert sorted(drawn[:n_known].tolist()) == sorted(known[user]) and not set(drawn[n_known:].tolist()) & set(known[user])
        return drawn.tolist(), n_known

    def keys(round: int, n: int) -> Tensor:
        return torch.empty(n, case.n_items).exponential_(generator=generator(seed, f"choose/{round}"))

    return oracle_attacks.FedRecA(case.attack_options, case.targets, known, users, draws, keys)


def copy_state(system: System, server: oracle.Server) -> None:
    """Let the oracle continue from `fedrec`'s state, or rounding would grow over the rounds of a case that diverges."""
    server.items, server.scorer = system.global_model.items, system.global_model.scorer
    for client, user in zip(server.benign, system.users, strict=True):
        client.user = user.clone()
    if isinstance(server.attacker, promoting.AdaptivePieck):
        server.attacker.users = list(system.attack.stand_ins.users.clone())
    elif isinstance(server.attacker, oracle_attacks.Pipa | oracle_attacks.FakeProfiles):
        server.attacker.users = list(system.attack.users.clone())
    elif isinstance(server.attacker, untargeted_attacks.Honest):
        server.attacker.users = list(system.attack.honest.users.clone())
    elif isinstance(server.attacker, oracle_attacks.FedRecA) and system.attack.known_users:
        server.attacker.users = list(system.attack.known_users.users.detach().clone())


def _same_changes(miner: PopularItemMiner, client: int, delta_norm: Tensor, expected: list[int]) -> list[int]:
    """Return `fedrec`'s mined items, once proven equal to the oracle's except for items that changed equally much, rounding aside."""
    mined = miner.mined[client].tolist()
    assert miner.has_mined[client] and len(set(mined)) == len(expected)
    assert torch.allclose(delta_norm[mined], delta_norm[expected], rtol=1e-5)
    return mined
