"""The quality of rankings against that of another library, torchmetrics, user by user."""

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluation.scored import Scored, candidates_of, scored

NAMES = {
    "HR": "retrieval_hit_rate",
    "NDCG": "retrieval_normalized_dcg",
    "Recall": "retrieval_recall",
    "Precision": "retrieval_precision",
    "MRR": "retrieval_reciprocal_rank",
}
DISTINCT = [0.25 * n for n in range(1, 80)]


@pytest.fixture(scope="module", name="others")
def _others() -> Iterator[dict[str, Callable[..., torch.Tensor]]]:
    """Its functions, imported as if there were no torchvision, which fits one build of torch only."""
    requirements = pytest.importorskip("lightning_utilities.core.imports")
    version = requirements._version

    def version_but_for_torchvision(name: str) -> str:
        if name == "torchvision":
            raise PackageNotFoundError(name)
        return str(version(name))

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "torchvision", None)
        patch.setattr(requirements, "_version", version_but_for_torchvision)
        retrieval = pytest.importorskip("torchmetrics.functional.retrieval")
        yield {name: getattr(retrieval, other) for name, other in NAMES.items()}


@given(case=scored(most=6), order=st.randoms(use_true_random=False))
def test_equals_torchmetrics(others: dict[str, Callable[..., torch.Tensor]], case: Scored, order: Random) -> None:
    """Nobody has trained on a test item. torchmetrics shares the gain of equal scores, and finds only those above 0."""
    case.scores = [order.sample(DISTINCT, case.n_items) for _ in case.scores]
    case.train = [[case.n_items - 2] for _ in case.scores]
    case.test = [[item for item in test if item < case.n_items - 2] for test in case.test]
    evaluator = case.evaluator()
    metrics = evaluator.evaluate()
    truth: dict[str, list[float]] = {}
    for scores, candidates, test in zip(case.scores, candidates_of(evaluator.held_out[""]), map(set, case.test), strict=True):
        untrained = set(range(case.n_items)) - {case.n_items - 2}
        for prefix, items in (("", sorted({*candidates} | test)), ("full_", sorted(untrained))):
            listed, relevant = torch.tensor([scores[item] for item in items]), torch.tensor([item in test for item in items])
            for name, k in ((name, k) for name in others for k in evaluator.k if test):
                truth.setdefault(f"{prefix}{name}@{k}", []).append(float(others[name](listed, relevant, top_k=k)))
    assert {name: metrics[name] for name in truth} == pytest.approx({name: sum(values) / len(values) for name, values in truth.items()})
    assert len(truth) in (0, 2 * len(others) * len(evaluator.k))
