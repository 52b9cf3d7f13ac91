"""Small federations built client by client, and what the oracle takes from `fedrec`: its state and its random draws."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from fedrec.attacks.a_ra import RandomApproximation
from fedrec.attacks.cluster_attack import ClusterAttack
from fedrec.attacks.fed_attack import FedAttack
from fedrec.attacks.fedreca import FedRecAttack
from fedrec.attacks.frec_attack2 import FRecAttack2
from fedrec.attacks.pipa import PipAttack
from fedrec.attacks.poison_frs import PoisonFRS
from fedrec.attacks.psmu import SyntheticRankingUsers
from fedrec.attacks.spattack import Spattack
from fedrec.data.federated_data import FederatedData
from fedrec.federation.system import System
from fedrec.interfaces import Attack
from fedrec.mining import PopularItemMiner
from fedrec.poisoning.fake_profiles import FakeProfiles
from fedrec.poisoning.mined_items import MinedItemsAttack
from fedrec.poisoning.omniscient import OmniscientAttack
from fedrec.randomness import generator
from tests.reference import attacks as oracle_attacks
from tests.reference import defenses as oracle_defenses
from tests.reference import federation as oracle
from tests.reference import promoting_attacks as promoting
from tests.reference import untargeted_attacks
from tests.reference.federations import MODELS, RULE_OPTIONS, Case
from tests.reference.light_graph import StarClient
from tests.reference.statistics_of_uploads import Omniscient


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
    rate, items, scorer = case.system["learning_rate"], system.global_model.items, system.global_model.scorer
    return oracle.Server(items, rate, benign, attacker, scorer, agg=agg, server_rate=case.system["server_learning_rate"])


def draws_of(data: FederatedData, user: int) -> tuple[Tensor, int]:
    """Return the item of each draw of a user, positives first, and the number of positives."""
    batch = data.batch(torch.tensor([user]))
    return batch.items.long().repeat_interleave(batch.counts.long()), int(batch.counts[batch.labels == 1].sum())


def build_attacker(case: Case, attack: Attack, n_clients: int) -> oracle.Attacker | None:
    """Build the oracle of the same attack; it takes random draws from the same streams as `fedrec`, or from `fedrec`."""
    options, targets = case.attack_options, case.targets
    if isinstance(attack, MinedItemsAttack) and attack.stand_ins:
        users, profile_of = attack.stand_ins.users.clone(), partial(_profile_of_stand_in, attack)
        return promoting.AdaptivePieck(options, targets, users, profile_of, case.system["loss"])
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
