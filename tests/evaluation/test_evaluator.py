"""Metrics equal those of the oracle, which goes user by user; samples of users; evaluating disturbs nothing."""

from dataclasses import replace
from unittest import mock

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from fedrec.evaluation import evaluator as evaluator_module
from fedrec.evaluation import held_out as drawing
from fedrec.evaluation import user_block
from fedrec.evaluation.evaluator import Evaluator
from fedrec.interfaces import Split
from tests.data.content import one_each
from tests.evaluation import scored
from tests.evaluation.scored import candidates_of
from tests.reference import federation as oracle
from tests.reference.drawn_cases import cases
from tests.reference.federations import SYSTEM, Case, build_system

METRICS = ["ER", "HR", "full_HR", "full_NDCG", "mining", "poison_share", "PKL", "UCR"]
OPTIONS = {**scored.OPTIONS, "k": [1, 2, 3], "metrics": METRICS, "selection": "HR@2", "mined_sizes": [1, 3]}
OPTIONS_RANKED = [f"{name}@{k}" for name in ("ER", "HR", "full_HR", "full_NDCG") for k in OPTIONS["k"]]


def make(case, system, test, seed=None, **changes):
    candidates = changes.get("candidates", OPTIONS["candidates"])
    evaluator = Evaluator(**{**OPTIONS, "protocol": f"uni{candidates}", **changes})
    evaluator.setup(
        Split("tiny", case.train, one_each(test, case.n_items), None),
        system.model,
        case.targets,
        system,
        case.seed if seed is None else seed,
    )
    return evaluator


@given(case=cases(), data=st.data())
def test_equals_the_oracle(case, data):
    """Held-out items may be missing, or trained on as well; users may have met every item. Without a target there is no ER."""
    system = build_system(case)
    test = torch.tensor([data.draw(st.integers(-1, case.n_items - 1)) for _ in case.positives])
    assume((test >= 0).any())
    evaluator = make(case, system, test)
    metrics = evaluator.evaluate()
    seen = [torch.tensor(positives) for positives in case.positives]
    candidates = [torch.tensor(one, dtype=torch.int64) for one in candidates_of(evaluator.held_out[""])]
    global_model = system.global_model.items, system.global_model.scorer
    expected = oracle.evaluate(list(system.users), *global_model, seen, test.tolist(), candidates, case.targets, OPTIONS["k"])
    for name in (f"{metric}@{k}" for metric in ("ER", "HR", "full_HR", "full_NDCG") for k in OPTIONS["k"]):
        assert (
            (name in metrics)
            == (name in expected)
            == (name not in evaluator.undefined and not (name.startswith("ER") and not case.targets))
        )
        assert metrics.get(name) == (pytest.approx(expected[name]) if name in expected else None), name
    for user, held_out in enumerate(test.tolist()):
        assert not set(candidates[user].tolist()) & {*case.positives[user], held_out}
        assert len(set(candidates[user].tolist())) == min(4, case.n_items - len({*case.positives[user], held_out} - {-1}))


@pytest.mark.parametrize("exposed_users", ["untrained", "unmet"])
@given(case=cases(), data=st.data())
def test_whom_er_counts(exposed_users, case, data):
    """Users who trained on a target never count, and those who are tested on it do not count as `unmet`, user by user."""
    system = build_system(case)
    test = [data.draw(st.sampled_from([-1, *case.targets, 0])) for _ in case.positives]
    assume(max(test) >= 0)
    with mock.patch.multiple(user_block, BLOCK_SCORES=2 * case.n_items, WIDTH_MULTIPLE=2):
        metrics = make(case, system, torch.tensor(test), exposed_users=exposed_users).evaluate()
    exposed = {target: [] for target in case.targets}
    for user, (positives, held_out) in enumerate(zip(case.positives, test, strict=True)):
        scores = oracle.psi(system.users[user], system.global_model.items, system.global_model.scorer)
        scores[positives] = -torch.inf
        for target in set(case.targets) - {*positives} - ({held_out} if exposed_users == "unmet" else set()):
            exposed[target].append(float(target in oracle.top(scores, 2, last=target)))
    shares = [sum(values) / len(values) for values in exposed.values() if values]  # a target without such users does not count
    assert metrics.get("ER@2") == (pytest.approx(sum(shares) / len(shares)) if shares else None)


NOBODY = Case([[0, 1], [1, 2], [1, 3]], 9, [1], "none", {}, None, SYSTEM, 0)  # everybody has trained on the target
SOMEBODY = replace(NOBODY, targets=[1, 4])


@pytest.mark.parametrize("every", [{}, {"max_users": 2}, {"exposed_users": "unmet"}])
def test_er_of_nobody_is_undefined_and_told_once(caplog, every):
    """It is no metric at all, neither zero nor not a number; everything else is measured."""
    evaluator = make(NOBODY, build_system(NOBODY), torch.tensor([4, 5, 6]), **every)
    metrics = [evaluator.evaluate() for _ in range(2)]
    assert {name for name in OPTIONS_RANKED if name not in metrics[0]} == {"ER@1", "ER@2", "ER@3"} == set(evaluator.undefined)
    reason = f"every user has trained on {'or is tested on ' if 'exposed_users' in every else ''}the target item"
    assert set(evaluator.undefined.values()) == {reason}
    assert [record.message for record in caplog.records] == [f"ER@K: undefined, because {reason}"]


def test_er_is_the_mean_over_the_targets_that_somebody_counts_for(caplog):
    evaluator = make(SOMEBODY, build_system(SOMEBODY), torch.tensor([5, 5, 6]))
    alone = make(replace(NOBODY, targets=[4]), build_system(NOBODY), torch.tensor([5, 5, 6]))
    assert evaluator.undefined == {} and evaluator.evaluate()["ER@2"] == alone.evaluate()["ER@2"]
    assert evaluator.exposures == {f"ER@{k}": [None, *alone.exposures[f"ER@{k}"]] for k in OPTIONS["k"]}
    assert alone.exposures["ER@2"] == [alone.evaluate()["ER@2"]]
    assert [record.message for record in caplog.records] == ["ER@K leaves out 1 of 2 target items: every user has trained on them"]


def test_a_selection_that_is_undefined_ends_before_the_training():
    system = build_system(NOBODY)
    with pytest.raises(ValueError, match=r"evaluation\.selection = ER@1: undefined, because every user has trained on the target item"):
        make(NOBODY, system, torch.tensor([4, 5, 6]), selection="ER@1")
    with pytest.raises(ValueError, match=r"evaluation\.selection = HR@2: undefined, because no user has a test item"):
        make(NOBODY, system, torch.tensor([-1, -1, -1]))


def test_validation_items_that_nobody_has(caplog):
    evaluator = Evaluator(**{**OPTIONS, "metrics": ["HR", "full_HR"]})
    system = build_system(NOBODY)
    test, validation = one_each([4, 5, 6], NOBODY.n_items), one_each([-1, -1, -1], NOBODY.n_items)
    evaluator.setup(Split("tiny", NOBODY.train, test, validation), system.model, [1], system, 0)
    names = {f"validation_{name}@{k}" for name in ("HR", "full_HR") for k in OPTIONS["k"]}
    assert set(evaluator.undefined) == names and not names & set(evaluator.evaluate())
    assert "validation_HR@K, validation_full_HR@K: undefined, because no user has a validation item" in caplog.text


@pytest.mark.parametrize(("candidates", "line"), [(6, None), (7, "1 of 3 users"), (8, "3 of 3 users"), (2**62, "3 of 3 users")])
@pytest.mark.parametrize("redraw", [False, True])
def test_fewer_candidates_than_asked_for_are_told_once(caplog, candidates, line, redraw):
    """Of ten items, two users have met three and one has met four, test items included."""
    case = Case([[0, 1], [1, 2], [1, 3, 2]], 10, [5], "none", {}, None, SYSTEM, 0)
    evaluator = make(case, build_system(case), torch.tensor([4, 4, 4]), candidates=candidates, redraw_candidates=redraw)
    for _ in range(2):
        evaluator.evaluate()
    told = [record.message for record in caplog.records]
    assert bool(told) == bool(line)
    if line:
        (message,) = told
        assert f"HR@K: {line} are ranked against fewer items than evaluation.candidates={candidates}, one of them against 6, " in message


@given(case=cases())
def test_blocks_of_users_change_nothing(case):
    system = build_system(case)
    test = torch.zeros(len(case.positives), dtype=torch.int64)
    whole = make(case, system, test).evaluate()
    with mock.patch.multiple(user_block, BLOCK_SCORES=2 * case.n_items, WIDTH_MULTIPLE=2):
        parts = make(case, system, test)
        assert len(parts.blocks) == -(-len(case.positives) // 2)
        assert parts.evaluate() == pytest.approx(whole)


@given(case=cases())
def test_evaluating_changes_no_trajectory(case):
    """However often and whatever one measures, the trajectory stays the same bit for bit."""
    watched, alone = build_system(case), build_system(case)
    evaluator = make(case, watched, torch.zeros(len(case.positives), dtype=torch.int64), max_users=1)
    for result in watched.rounds():
        evaluator.diagnostics.observe(result)
        evaluator.evaluate()
    for _ in alone.rounds():
        pass
    assert torch.equal(watched.users, alone.users) and torch.equal(watched.global_model.items, alone.global_model.items)


@given(case=cases())
def test_a_sample_of_users_reports_its_standard_error(case):
    assume(len(case.positives) > 2)
    metrics = make(case, build_system(case), torch.zeros(len(case.positives), dtype=torch.int64), max_users=2).evaluate()
    assert {"HR@3_stderr", "full_NDCG@2_stderr"} <= set(metrics)
    assert metrics["HR@3_stderr"] == pytest.approx((metrics["HR@3"] * (1 - metrics["HR@3"]) / 2) ** 0.5)


def test_the_error_of_several_targets_is_that_of_their_mean():
    """Users who follow one target also follow the other, so the error is the spread over samples, not half of it."""
    case = Case([[0]] * 400, 60, [1, 2], "none", {}, None, SYSTEM, 0)
    system = build_system(case)
    system.users[:200], system.users[200:] = 1.0, -1.0
    system.global_model.items[[1, 2]] = 9.0
    test = torch.full((400,), 3)
    samples = [make(case, system, test, max_users=50, candidates=9, seed=seed).evaluate() for seed in range(60)]
    values, errors = (torch.tensor([one[name] for one in samples]) for name in ("ER@2", "ER@2_stderr"))
    assert float(errors.mean()) == pytest.approx(float(values.std()), rel=0.35)
    assert float(errors.mean()) == pytest.approx(0.5 / 50**0.5, rel=0.1)


@given(case=cases())
def test_the_validation_item_is_no_candidate(case):
    system = build_system(case)
    test, validation = (one_each([item] * len(case.positives), case.n_items) for item in (0, 1))
    evaluator = Evaluator(**{**OPTIONS, "candidates": case.n_items, "protocol": f"uni{case.n_items}", "k": [1], "selection": "HR@1"})
    evaluator.setup(Split("tiny", case.train, test, validation), system.model, case.targets, system, case.seed)
    for held_out in evaluator.held_out.values():
        for positives, offered in zip(case.positives, candidates_of(held_out), strict=True):
            assert set(offered) == set(range(case.n_items)) - {*positives, 0, 1}


@given(case=cases())
def test_candidates_drawn_anew(case):
    """The first candidates are those of a run that draws once; then each evaluation has its own, and all keep to the rules."""
    test = torch.zeros(len(case.positives), dtype=torch.int64)
    once, anew = (make(case, build_system(case), test, redraw_candidates=redraw) for redraw in (False, True))
    drawn = [once.held_out[""].candidates, anew.held_out[""].candidates]
    assert torch.equal(*drawn)
    for _ in range(20):
        metrics = [once.evaluate(), anew.evaluate()]
        assert {name for name in metrics[0] if metrics[0][name] != metrics[1][name]} <= {"HR@1", "HR@2", "HR@3"}
        drawn.append(anew.held_out[""].candidates)
        for positives, offered in zip(case.positives, candidates_of(anew.held_out[""]), strict=True):
            assert len(set(offered)) == min(4, case.n_items - len({*positives, 0}))
            assert not set(offered) & {*positives, 0}
    assert once.held_out[""].candidates is drawn[0]
    if any(case.n_items - len({*positives, 0}) > 4 for positives in case.positives):
        assert any(not torch.equal(drawn[0], later) for later in drawn[2:])


def test_many_users_are_sampled_unless_a_number_says_otherwise(monkeypatch, caplog):
    monkeypatch.setattr(evaluator_module, "MANY_USERS", 30)
    monkeypatch.setattr(evaluator_module, "SAMPLED_OF_MANY", 7)
    few, many = (Case([[0, 1]] * n, 9, [5], "none", {}, None, {**SYSTEM, "clients_per_round": 9}, 0) for n in (29, 30))
    scored = [len(make(few, build_system(few), torch.full((29,), 2)).users)]
    assert not caplog.messages
    scored += [len(make(many, build_system(many), torch.full((30,), 2), max_users=n).users) for n in (30, 8, None)]
    assert scored == [29, 30, 8, 7]
    assert caplog.messages == ["evaluation scores 7 of 30 users, drawn by the seed; evaluation.max_users=30 scores all"]
    asked, default = (make(many, build_system(many), torch.full((30,), 2), max_users=n) for n in (7, None))
    assert asked.users.equal(default.users)


def test_more_items_than_positions_are_counted_for():
    with pytest.raises(ValueError, match="dataset: 134217728 items; at most 134217727"):
        Evaluator(**OPTIONS).require_countable(2**27)


@given(case=cases())
def test_candidates_drawn_in_parts_keep_to_the_rules(case):
    whole = make(case, build_system(case), torch.zeros(len(case.positives), dtype=torch.int64))
    with mock.patch.object(drawing, "DRAWN_AT_ONCE", 1):
        parts = make(case, build_system(case), torch.zeros(len(case.positives), dtype=torch.int64))
    for one in (whole, parts):
        for positives, offered in zip(case.positives, candidates_of(one.held_out[""]), strict=True):
            assert len(set(offered)) == len(offered) == min(4, case.n_items - len({*positives, 0}))
            assert not set(offered) & {*positives, 0}


@given(case=cases())
def test_a_selection_that_is_not_measured_and_a_list_longer_than_the_ranking(case):
    assume(case.targets)
    system, test = build_system(case), torch.zeros(len(case.positives), dtype=torch.int64)
    with pytest.raises(ValueError, match=r"evaluation\.selection = HR@10: not measured; allowed are ER@1, "):
        make(case, system, test, selection="HR@10")
    with pytest.raises(ValueError, match=r"evaluation\.k = \[2, 6\]: at most [45], the length of the shortest ranking"):
        make(case, system, test, k=[2, 6])
