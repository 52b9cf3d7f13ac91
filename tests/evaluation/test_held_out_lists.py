"""Users with any number of test items: metrics equal those of the oracle, which goes user by user and item by item."""

import math
from collections.abc import Sequence
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedrec.evaluation import user_block
from fedrec.evaluation.evaluator import Evaluator
from fedrec.evaluation.quality import QUALITY
from tests.evaluation.scored import OPTIONS, Scored, candidates_of, scored
from tests.reference import rankings as oracle

KS: list[int] = OPTIONS["k"]


def expected(case: Scored, evaluator: Evaluator, prefix: str) -> dict[str, list[float]]:
    """Every metric of every user who is scored and has test items."""
    held_out = case.validation if prefix else case.test
    assert held_out is not None
    found: dict[str, list[float]] = {}
    for user, candidates in zip(evaluator.users.tolist(), candidates_of(evaluator.held_out[prefix]), strict=True):
        scores, test = case.scores[user], {*held_out[user]}
        hidden = {*(case.validation or [[]] * len(case.scores))[user]} if not prefix and evaluator.validation_items == "left_out" else set()
        everything = set(range(case.n_items)) - {*case.train[user]} - test - hidden
        for ranking, others in (("", candidates), ("full_", everything)):
            others = everything if evaluator.protocol == "full" else others
            ranks = oracle.ranks([scores[item] for item in test], [scores[item] for item in others])
            for k in KS if test else ():
                for name, value in oracle.quality(ranks, len(test), k).items():
                    found.setdefault(f"{prefix}{ranking}{name}@{k}", []).append(value)
    return found


def check_candidates(case: Scored, evaluator: Evaluator, prefix: str) -> None:
    """They are distinct, the user has met none of them, and there are as many as wanted for each test item, or as there are."""
    held_out = case.validation if prefix else case.test
    assert held_out is not None
    for user, candidates in zip(evaluator.users.tolist(), candidates_of(evaluator.held_out[prefix]), strict=True):
        met = {*case.train[user], *case.test[user], *(case.validation[user] if case.validation else ())}
        n_test = len({*held_out[user]})
        assert len({*candidates}) == len(candidates) and not met & {*candidates}
        if n_test:
            assert len(candidates) == min(evaluator.candidates * n_test, case.n_items - len(met))


@given(
    case=scored(),
    protocol=st.sampled_from(["uni4", "uni6", "full"]),
    validation_items=st.sampled_from(["ranked", "left_out"]),
    max_users=st.integers(1, 5) | st.none(),
    width=st.sampled_from([1, 2, 16]),
)
def test_equals_the_oracle(case: Scored, protocol: str, validation_items: str, max_users: int | None, width: int) -> None:
    """Test items may be trained on or validated on as well, scores equal, not a number or endless; blocks have any width."""
    with mock.patch.multiple(user_block, BLOCK_SCORES=width * case.n_items, WIDTH_MULTIPLE=width):
        evaluator = case.evaluator(protocol=protocol, validation_items=validation_items, max_users=max_users)
    metrics = evaluator.evaluate()
    for prefix in evaluator.held_out:
        if protocol != "full":
            check_candidates(case, evaluator, prefix)
        truth = expected(case, evaluator, prefix)
        for name in (f"{prefix}{ranking}{metric}@{k}" for ranking in ("", "full_") for metric in QUALITY for k in KS):
            assert (name in metrics) == (name in truth) == (name not in evaluator.undefined)
            assert metrics.get(name) == (pytest.approx(mean(truth[name])) if name in truth else None), name
            if name in truth and len(evaluator.users) < len(case.scores):
                assert metrics[f"{name}_stderr"] == pytest.approx(error(truth[name])), name


@given(case=scored(), exposed_users=st.sampled_from(["untrained", "unmet"]), data=st.data())
def test_whom_er_counts(case: Scored, exposed_users: str, data: st.DataObject) -> None:
    """Users who trained on the target never count, and as `unmet` neither do those who have it among their test items."""
    target = data.draw(st.integers(0, case.n_items - 2))
    case.test = [[*test, target] if data.draw(st.booleans()) else test for test in case.test]
    metrics = case.evaluator(target, case.n_items - 1, exposed_users=exposed_users).evaluate()
    for k in KS:
        exposed: dict[int, list[float]] = {}
        for scores, train, test in zip(case.scores, case.train, case.test, strict=True):
            for item in {target, case.n_items - 1} - {*train} - ({*test} if exposed_users == "unmet" else set()):
                others = [scores[other] for other in range(case.n_items) if other != item and other not in train]
                exposed.setdefault(item, []).append(float(min(oracle.ranks([scores[item]], others), default=k) < k))
        assert metrics[f"ER@{k}"] == pytest.approx(mean([mean(one) for one in exposed.values()]))


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def error(values: Sequence[float]) -> float:
    """The standard error of their mean."""
    return math.sqrt(sum((value - mean(values)) ** 2 for value in values)) / len(values)


@given(case=scored())
def test_full_is_the_same_with_and_without_its_prefix(case: Scored) -> None:
    metrics = case.evaluator(protocol="full").evaluate()
    for name in (f"{metric}@{k}" for metric in QUALITY for k in KS):
        assert metrics.get(name) == metrics.get(f"full_{name}")


@pytest.mark.parametrize(("protocol", "candidates"), [("uni50", 99), ("uni99", 98)])
def test_a_protocol_and_another_number_of_candidates(protocol: str, candidates: int) -> None:
    with pytest.raises(ValueError, match=f"evaluation.protocol={protocol} is not allowed with evaluation.candidates={candidates}: "):
        Evaluator(**{**OPTIONS, "protocol": protocol, "candidates": candidates})


def test_candidates_of_several_test_items_drawn_anew() -> None:
    """The first are those of a run that draws once; later ones are others, and keep to the rules."""
    case = Scored([[float(item) for item in range(40)]] * 3, [[0]] * 3, [[1, 2], [3], []])
    once, anew = (case.evaluator(redraw_candidates=redraw) for redraw in (False, True))
    drawn = [candidates_of(one.held_out[""]) for one in (once, anew)]
    assert drawn[0] == drawn[1] and [len(one) for one in drawn[0]] == [8, 4, 0]
    for _ in range(3):
        anew.evaluate()
        check_candidates(case, anew, "")
        drawn.append(candidates_of(anew.held_out[""]))
    assert drawn[1] != drawn[2] != drawn[3]
