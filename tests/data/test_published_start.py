"""The start of the released code is drawn, not stored, and it is that of its recorded runs."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fedrec.config.compose import compose
from fedrec.data.federated_data import FederatedData
from fedrec.data.presplit import Presplit
from fedrec.data.published_start import published_data, published_embeddings
from fedrec.federation.system import System
from fedrec.interfaces import Defense, Interactions, PriorKnowledge
from fedrec.randomness import PUBLISHED_SEED
from tests.reference.federations import MODELS, SYSTEM, Case, build_attack

CASE = Case([[0, 1], [2], [0, 3, 3]], 6, [5], "none", {}, None, SYSTEM, 0)


def begun(seed: int, model: str = "mf", **options: str) -> System:
    system = System(**{**SYSTEM, "initial": "published", **options})
    parts = MODELS[model], build_attack(CASE), Defense()
    system.setup(CASE.train, *parts, torch.tensor(CASE.targets), seed, torch.device("cpu"), PriorKnowledge())
    return system


def test_it_is_the_recorded_one_to_the_bit(published: Path) -> None:
    start = {name: torch.from_numpy(value) for name, value in np.load(published / "golden" / "start.npz").items()}
    users, model = published_embeddings(*map(len, (start["users"], start["item_embeddings"])), 32)
    assert users.equal(start["users"]) and model.items.equal(start["item_embeddings"])
    recorded = FederatedData.of(start["offsets"], start["items"], start["labels"], 1682)
    data = published_data(Presplit(root=str(published / "ml-100k"), validation=False).load(torch.Generator()).train, 1)
    assert data.offsets.equal(recorded.offsets)
    rows = torch.arange(len(data.offsets) - 1).repeat_interleave(data.offsets.diff()) * 1682
    for found, wanted in zip(sorted_pairs(data, rows), sorted_pairs(recorded, rows), strict=True):
        assert found.equal(wanted)


def sorted_pairs(data: FederatedData, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the pairs of each user by item, as the recorded ones are."""
    order = (rows + data.items).argsort()
    return data.items[order], data.signed_counts[order]


def test_data_follow_one_stream_item_by_item(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain loop, as the released code has it; a stream that is drawn in parts stays the same; who has met all items gets none."""
    monkeypatch.setattr("fedrec.data.published_start.DRAWN_AT_ONCE", 3)
    positives = [[0, 1, 4], [], [2, 2], [0, 1, 2, 3, 4], [3]]
    items = torch.tensor([item for own in positives for item in own], dtype=torch.int32)
    train = Interactions(torch.tensor([0, 3, 3, 5, 10, 11]), items, 5)
    random = np.random.RandomState(PUBLISHED_SEED)
    random.choice(5, 2, replace=False)
    expected = []
    for own in positives:
        drawn: list[int] = []
        while len(drawn) < 2 * len(own) and len(set(own)) < 5:
            if (item := int(random.randint(5))) not in own:
                drawn.append(item)
        expected.append(([own.count(item) for item in range(5)], [drawn.count(item) for item in range(5)]))
    data, found = published_data(train, 2), []
    for first, last in zip(data.offsets[:-1], data.offsets[1:], strict=True):
        counts = torch.zeros(5, dtype=torch.float32).index_add(0, data.items[first:last].long(), data.signed_counts[first:last].float())
        found.append((counts.clamp(min=0).tolist(), (-counts).clamp(min=0).tolist()))
    assert found == expected


def test_the_seed_draws_the_order_only() -> None:
    one, other = begun(0), begun(1)
    assert one.users.equal(other.users) and one.global_model.items.equal(other.global_model.items)
    assert one.data.items.equal(other.data.items)
    assert one.global_model.items.std() == pytest.approx(0.01, rel=0.5)


def test_where_there_is_no_published_start() -> None:
    with pytest.raises(ValueError, match=r"^system\.initial = published: known for model=mf only; allowed here is random$"):
        begun(0, "ncf")
    with pytest.raises(ValueError, match=r"^system\.initial = published: its negatives are drawn with replacement; allowed is system\.neg"):
        begun(0, negatives="distinct")


@pytest.mark.parametrize(("model", "initial"), [("mf", "published"), ("ncf", "random")])
def test_paper_start_takes_it_where_it_is_known(model: str, initial: str) -> None:
    assert compose("experiment=paper_start", f"model={model}").system.initial == initial
