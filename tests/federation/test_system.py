"""The engine equals the oracle, which trains one client after another, on random ragged federations; what may never change a trajectory."""

import math
import tracemalloc
from dataclasses import replace

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from fedrec.aggregation import aggregate, rule
from fedrec.federation.system import TrainingDiverged
from fedrec.interfaces import MANY_ITEMS
from tests.reference.drawn_cases import cases
from tests.reference.federations import ATTACKS, RULES, SYSTEM, Case, build_system
from tests.reference.light_graph import attacks_on_star_graphs
from tests.reference.oracles import build_oracle, copy_state


def assert_close(actual, expected, tolerance, floor=0.0):
    """Assert equality up to `tolerance`, relative to the largest value; `floor` is what rounding alone may make of zero."""
    scale = max(tolerance * float(expected.abs().max()), floor)
    assert torch.allclose(actual.double(), expected.double(), rtol=tolerance, atol=scale)


def assert_scorer_close(system, server, rounding):
    """Compare all parameters. Gradients of a bias may cancel; `rounding`, relative to the largest weight, is what may be left of them."""
    floor = rounding * max((float(value.abs().max()) for value in server.scorer.values()), default=0.0)
    for name, value in server.scorer.items():
        assert_close(system.global_model.scorer[name], value, 1e-5, floor)


NOT_ADAPTIVE = {"adaptive": False, "gamma": 0.0}  # options of PIECK
FAMILIES = {"mf": ["mf"], "ncf": ["ncf", "ncf_flat"]}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("attack", ATTACKS)
@given(data=st.data())
def test_every_round_equals_the_oracle(data, attack, family):
    """The engine runs in float64: gradients, updates, mining, the attack and the defense."""
    assert_every_round_equals_the_oracle(data.draw(cases([attack], FAMILIES[family])))


QUICK = ("none", "pieck_uea")


@pytest.mark.parametrize("model", ["lightgcn", "lightgcn_mlp"])
@pytest.mark.parametrize("attack", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in ATTACKS if name not in QUICK)])
@given(data=st.data())
def test_every_round_on_star_graphs_equals_the_oracle(data, attack, model):
    with attacks_on_star_graphs():
        assert_every_round_equals_the_oracle(data.draw(cases([attack], [model])))


def assert_every_round_equals_the_oracle(case):
    torch.set_default_dtype(torch.float64)
    try:
        system = build_system(case)
        server = build_oracle(case, system)
        for result in system.rounds():
            loss, delta_norm = server.round(result.round - 1, system.sampler.sample(result.round - 1).tolist())
            assert result.loss == pytest.approx(loss, rel=1e-5, abs=1e-12, nan_ok=True)
            assert_close(system.global_model.items, server.items, 1e-5)
            assert_close(system.users, torch.stack([client.user for client in server.benign]), 1e-5)
            assert_scorer_close(system, server, rounding=1e-14)
            assert_close(result.delta_norm, delta_norm, 1e-5, floor=1e-14 * float(server.items.abs().max()))
            copy_state(system, server)
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("rule", RULES)
@given(data=st.data())
def test_every_round_under_a_robust_rule_equals_the_oracle(data, rule, family):
    """Attacks send copies, a few rows or gradients of the scorer, and a client-side defense may be there, too."""
    case = replace(data.draw(cases(["none", "pieck_uea", "a_ra"], FAMILIES[family])), rule=rule)
    torch.set_default_dtype(torch.float64)
    try:
        system = build_system(case)
        server = build_oracle(case, system)
        for result in system.rounds():
            server.round(result.round - 1, system.sampler.sample(result.round - 1).tolist())
            for key in server.agg.doubtful:  # if unlike uploads have the same score, either may be selected
                engine, reference = (one.items if isinstance(key, int) else one.scorer for one in (system.global_model, server))
                reference[key] = engine[key]
            assert_close(system.global_model.items, server.items, 1e-5)
            assert_scorer_close(system, server, rounding=1e-14)
            sampled = system.sampler.sample(result.round - 1) >= system.n_users
            assert_telemetry(result.telemetry, server.agg, case.targets, sampled.tolist())
            copy_state(system, server)
    finally:
        torch.set_default_dtype(torch.float32)


def assert_telemetry(telemetry, agg, targets, is_malicious):
    """Compare what a rule decided with what an observer sees who knows the malicious clients and the targets."""
    expected = {"dropped_uploads": 0}
    expected |= {"target_uploads": sum(agg.counts.get(item, 0) for item in targets) / len(targets)} if targets else {}
    for name, items in (("fallback", agg.fell_back), ("unguarded", agg.unguarded)):
        on_targets = [item in items for item in targets if item in agg.items]
        expected |= {f"{name}_rows": len(items) / len(agg.items)} if agg.items else {}
        expected |= {f"{name}_targets": sum(on_targets) / len(on_targets)} if on_targets else {}
    filtered = [is_malicious[sender] for sender, accepted in agg.inspected if not accepted]
    inspected = [is_malicious[sender] for sender, _ in agg.inspected]
    expected |= {"filter_precision": sum(filtered) / len(filtered)} if filtered else {}
    expected |= {"filter_recall": sum(filtered) / sum(inspected)} if any(inspected) else {}
    compared = ("dropped", "target", "fallback", "unguarded", *(() if agg.tied else ("filter",)))
    found, expected = ({name: part[name] for name in part if name.split("_")[0] in compared} for part in (telemetry, expected))
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("attack", ATTACKS)
@given(data=st.data())
def test_one_round_in_float32_equals_the_float64_oracle(data, attack):
    case = data.draw(cases([attack]))
    assume(attack not in ("pipa", "fedreca") or case.attack_options["prior"] == "masked")  # Adam begins with the sign of a gradient
    system = build_system(case)
    server = build_oracle(case, system)
    server.items = server.items.double()
    server.scorer = {name: value.double() for name, value in server.scorer.items()}
    for client in server.benign:
        client.user = client.user.double()
    next(iter(system.rounds()))
    server.round(0, system.sampler.sample(0).tolist())
    assert_close(system.global_model.items, server.items, 1e-5)
    assert_close(system.users, torch.stack([client.user for client in server.benign]), 1e-5)
    assert_scorer_close(system, server, rounding=1e-6)


@pytest.mark.parametrize("attack", ATTACKS)
@given(data=st.data())
def test_stopping_and_resuming_changes_nothing(data, attack):
    case = data.draw(cases([attack]))
    whole, first, second = build_system(case), build_system(case), build_system(case)
    rounds = iter(first.rounds())
    for _ in range(first.n_rounds // 2):
        next(rounds)
    second.load_state_dict(first.state_dict())
    for system in (whole, second):
        for _ in system.rounds():
            pass
    assert torch.equal(whole.users, second.users)
    assert torch.equal(whole.global_model.items, second.global_model.items)
    for name, value in whole.global_model.scorer.items():
        assert torch.equal(value, second.global_model.scorer[name])


@pytest.mark.parametrize("part", [*ATTACKS, *RULES])
@given(data=st.data())
def test_steps_on_touched_items_change_no_number(data, part):
    """With many items the server moves those alone that somebody sent rows for, and no part misses the matrices of the rounds before."""
    case = data.draw(cases([part] if part in ATTACKS else ["none", "pieck_uea"], ["mf"]))
    case = replace(case, rule=part) if part in RULES else case
    all_items, touched_items = build_system(case), build_system(case)
    for result in all_items.rounds():
        with pytest.MonkeyPatch.context() as patch:
            for module in (aggregate, rule):
                patch.setattr(module, "MANY_ITEMS", 0)
            other = next(touched_items.rounds())
        assert result.changes.touched is None and other.changes.touched is not None
        assert result.loss == other.loss or math.isnan(result.loss)
        assert all_items.users.equal(touched_items.users) and all_items.global_model.items.equal(touched_items.global_model.items)
        assert torch.allclose(result.delta_norm, other.delta_norm, rtol=1e-6, atol=0)  # torch sums 3 squares in an order of its own


def test_a_round_without_attack_makes_nothing_as_large_as_the_item_matrix():
    case = replace(hand_made(), n_items=MANY_ITEMS)
    system = build_system(case)
    before = system.global_model.items
    rounds = system.rounds()
    with LargestTensor():
        next(rounds)  # makes and imports what is made once
    tracemalloc.start()
    with LargestTensor() as largest:
        next(rounds)
    numpy_peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert system.global_model.items is before
    assert largest.numbers < before.numel() / 10 and numpy_peak < 4 * before.numel()


def test_mining_needs_no_copy_of_the_item_matrix():
    options = {"N": 2, "mining_times": 1, "starts": "first", "multi_target": "copy", "batches": 1, "rounds": 1} | NOT_ADAPTIVE
    options |= {"repetitions": "inner", "poison_scorer": False}
    system = build_system(
        replace(
            hand_made(clients_per_round=4), attack="pieck_uea", attack_options=options, positives=[[5, 1], [2], [0, 3]], n_items=MANY_ITEMS
        )
    )
    before = system.global_model.items
    for _ in system.rounds():
        assert system.global_model.items is before
    assert len(system.mined_items()["attack"])


class LargestTensor(TorchDispatchMode):
    """Notes how many numbers the largest tensor has that an operation makes; views and what changes in place do not count."""

    numbers = 0

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        made = operation(*arguments, **(options or {}))
        parts = [[one for one in tree_leaves(tree) if isinstance(one, torch.Tensor)] for tree in ((arguments, options), made)]
        known, new = ({one.untyped_storage().data_ptr(): one.numel() for one in part if not one.is_sparse_csr} for part in parts)
        self.numbers = max(self.numbers, *(count for storage, count in new.items() if storage not in known), 0)
        return made


def test_what_was_saved_does_not_change_with_the_rounds_that_follow():
    system = build_system(replace(hand_made(), n_items=MANY_ITEMS))
    saved, start = system.state_dict(), system.global_model.items.clone()
    for _ in system.rounds():
        pass
    assert saved["global_model"]["items"].equal(start) and not system.global_model.items.equal(start)


def hand_made(**changes):
    return Case([[0, 1], [2], [0, 3, 3]], 6, [5], "none", {}, None, {**SYSTEM, "clients_per_round": 2, **changes}, 0)


def test_client_learning_rates_are_drawn_from_the_whole_range():
    system = build_system(replace(hand_made(client_learning_rate=(0.1, 0.9)), positives=[[0]] * 200))
    rates = system.client_rates
    assert 0.1 <= rates.min() < 0.15 and 0.85 < rates.max() <= 0.9
    assert float(rates.mean()) == pytest.approx(0.5, abs=0.05)


def test_the_share_of_poison_counts_uploads_for_the_targets():
    """Everybody is sampled: 1 malicious client against the users who train on target 5. This attack waits until mining ends."""
    options = {"N": 2, "mining_times": 1, "starts": "mined", "multi_target": "copy", "batches": 1, "rounds": 1} | NOT_ADAPTIVE
    options |= {"repetitions": "inner", "poison_scorer": False}
    case = replace(hand_made(clients_per_round=4), attack="pieck_uea", attack_options=options, positives=[[5, 1], [2], [0, 3]])
    system = build_system(case)
    assert system.n_malicious == 1
    first, second, *_ = system.rounds()
    trained = int((system.data.items == 5).sum())
    assert "poison_share" not in first.telemetry
    assert second.telemetry["poison_share"] == pytest.approx(1 / (1 + trained))


@pytest.mark.parametrize("q", [1, 3])
def test_every_client_trains_on_q_negatives_per_positive(q):
    for negatives in ("repeated", "distinct"):
        system = build_system(replace(hand_made(negatives_per_positive=q, negatives=negatives), n_items=20))
        assert system.data.batch(torch.arange(3)).n_draws.tolist() == [2 * (1 + q), 1 + q, 3 * (1 + q)]


def test_repeated_draws_leave_a_user_fewer_distinct_negatives():
    """Of n unseen items q p draws with replacement hit n (1 - (1 - 1 / n)^(q p)) on average; without, min(q p, n)."""
    sizes, n_unseen, n_draws = {}, 20, 2 * 10
    for negatives in ("repeated", "distinct"):
        case = replace(hand_made(negatives_per_positive=2, negatives=negatives), positives=[list(range(10))] * 400, n_items=30)
        batch = build_system(case).data.batch(torch.arange(400))
        sizes[negatives] = (batch.sizes - 10).double()
        assert batch.n_draws.eq(30).all() and batch.counts[batch.labels == 1].eq(1).all()
    assert sizes["distinct"].eq(20).all()
    assert float(sizes["repeated"].mean()) == pytest.approx(n_unseen * (1 - (1 - 1 / n_unseen) ** n_draws), rel=0.02)


def test_no_attack_has_no_malicious_clients():
    assert build_system(hand_made()).n_malicious == 0


@pytest.mark.parametrize(("share", "number"), [(0.5, 4), (0.0, 2), (0.5, 1)])
def test_a_number_of_malicious_clients_counts_and_not_their_share(share, number):
    case = replace(hand_made(malicious_share=share, malicious_clients=number), attack="random", attack_options={"kappa": 3})
    system = build_system(replace(case, positives=[[0, 1], [2], [0, 3, 3]] * 3))
    assert system.n_malicious == system.attack.known.n_clients == number
    assert system.sampler.n_clients == 9 + number


def test_the_number_that_a_share_makes_gives_the_same_federation():
    """Every bit of it: the number says who is malicious, and nothing else."""
    case = replace(hand_made(malicious_share=0.34, epochs=4), attack="random", attack_options={"kappa": 3})
    ends = []
    for changes in ({}, {"malicious_clients": None}, {"malicious_clients": 1}, {"malicious_clients": 1, "malicious_share": 0.0}):
        system = build_system(replace(case, system={**case.system, **changes}))
        losses = [result.loss for result in system.rounds()]
        ends.append((losses, system.users.tolist(), system.global_model.items.tolist()))
    assert ends[0] == ends[1] == ends[2] == ends[3]


def test_more_malicious_clients_than_half_are_refused():
    case = replace(hand_made(malicious_clients=2), attack="random", attack_options={"kappa": 3})
    with pytest.raises(ValueError, match=r"^system\.malicious_clients = 2: half of the 3 benign clients at most are malicious, 1$"):
        build_system(case)


def test_divergence_names_round_and_cause():
    system = build_system(hand_made(learning_rate=1e30))
    with pytest.raises(TrainingDiverged, match=r"round \d+: .*learning_rate"):
        for _ in system.rounds():
            pass


def test_user_embeddings_stay_with_clients_not_sampled():
    system = build_system(hand_made())
    before = system.users.clone()
    next(iter(system.rounds()))
    sampled = set(system.sampler.sample(0).tolist())
    for user in range(3):
        assert torch.equal(before[user], system.users[user]) == (user not in sampled)
