"""Small ragged federations that hypothesis draws."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tests.reference.federations import ATTACKS, OF_PAPER, Case


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
        "server_learning_rate": draw(st.sampled_from([None, 0.03])),
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
        "fed_attack": {**profile, "hardest": draw(st.integers(1, n_items // 2))},
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
