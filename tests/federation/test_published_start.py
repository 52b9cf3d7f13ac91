"""The initial embeddings of the released code are drawn, not stored, and they are those of its recorded runs."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from fedrec.config.compose import compose
from fedrec.federation.published_start import published_embeddings
from fedrec.federation.system import System
from fedrec.interfaces import Defense, PriorKnowledge
from fedrec.models.mf import MatrixFactorization
from tests.reference.federations import MODELS, SYSTEM, Case, build_attack

FOLDER = os.environ.get("FEDREC_DATA")
MODEL = MatrixFactorization(dim=32, init_std=0.01)
CASE = Case([[0, 1], [2], [0, 3, 3]], 6, [5], "none", {}, None, SYSTEM, 0)


def begun(seed: int, model: str = "mf") -> System:
    system = System(**{**SYSTEM, "initial": "published"})
    parts = MODELS[model], build_attack(CASE), Defense()
    system.setup(CASE.train, *parts, torch.tensor(CASE.targets), seed, torch.device("cpu"), PriorKnowledge())
    return system


@pytest.mark.skipif(not FOLDER, reason="the environment variable FEDREC_DATA names no folder with golden runs")
def test_they_are_the_recorded_ones_to_the_bit() -> None:
    start = np.load(Path(FOLDER or "") / "golden" / "start.npz")
    users, model = published_embeddings(MODEL, *(len(start[name]) for name in ("users", "item_embeddings")))
    assert np.array_equal(users, start["users"]) and np.array_equal(model.items, start["item_embeddings"])


def test_the_seed_draws_the_data_but_not_the_embeddings() -> None:
    one, other = begun(0), begun(1)
    assert one.users.equal(other.users) and one.global_model.items.equal(other.global_model.items)
    assert not one.data.items.equal(other.data.items)
    assert one.global_model.items.std() == pytest.approx(0.01, rel=0.5)


def test_a_model_with_a_scorer_has_no_published_start() -> None:
    with pytest.raises(ValueError, match=r"^system\.initial = published: known for model=mf only; allowed here is random$"):
        begun(0, "ncf")


@pytest.mark.parametrize(("model", "initial"), [("mf", "published"), ("ncf", "random")])
def test_paper_start_takes_it_where_it_is_known(model: str, initial: str) -> None:
    assert compose("experiment=paper_start", f"model={model}").system.initial == initial
