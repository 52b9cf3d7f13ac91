"""An evaluator of users whose scores are given, and ragged cases for it that hypothesis draws."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from fedrec.data.splitting import by_user
from fedrec.evaluation.evaluator import Evaluator
from fedrec.evaluation.held_out import HeldOut
from fedrec.evaluation.held_out_lists import HeldOutLists
from fedrec.evaluation.quality import RANKINGS
from fedrec.interfaces import GlobalModel, Interactions, Split
from tests.data.content import rows

OPTIONS: dict[str, Any] = {
    "every": 1,
    "k": [1, 2, 4],
    "metrics": ["ER", *RANKINGS, "coverage", "gini"],
    "selection": "ER@2",
    "protocol": "uni4",
    "candidates": 4,
    "validation_items": "ranked",
    "redraw_candidates": False,
    "exposed_users": "untrained",
    "exposed_above": 0.01,
    "max_users": None,
    "mined_sizes": [],
}
SOME = [-2.0, -0.5, 0.0, 0.25, 1.0, 3.0, float("nan"), float("-inf")]  # few values, so that many are equal
Rows = list[list[int]]


@dataclass
class Scored:
    """What users trained on, are tested on and validated on, and their scores; no user is without a training item."""

    scores: list[list[float]]  # [U, M]
    train: Rows
    test: Rows
    validation: Rows | None = None

    @property
    def n_items(self) -> int:
        return len(self.scores[0])

    def evaluator(self, *targets: int, **changes: Any) -> Evaluator:
        """Return an evaluator that is ready; without targets, it is the last item. The candidates' number follows the protocol."""
        candidates = int(str(changes.get("protocol", "uni4")).removeprefix("uni").replace("full", "4"))
        evaluator = Evaluator(**{**OPTIONS, "candidates": candidates, **changes})
        matrix = torch.tensor(self.scores).T.contiguous()  # [M, U]
        model: Any = SimpleNamespace(score_all=lambda users, global_model, space, own: matrix[:, users[:, 0].long()].contiguous())
        users = torch.arange(float(len(self.scores)))[:, None]
        state: Any = SimpleNamespace(users=users, global_model=GlobalModel(torch.zeros(self.n_items, 1)))
        train, test = (interactions(rows, self.n_items) for rows in (self.train, self.test))
        validation = None if self.validation is None else interactions(self.validation, self.n_items)
        evaluator.setup(Split("scored", train, test, validation), model, targets or [self.n_items - 1], state, 0)
        return evaluator


def interactions(rows: Rows, n_items: int) -> Interactions:
    """Return the interactions of users with these items."""
    owners = np.arange(len(rows)).repeat([len(row) for row in rows])
    return by_user(owners, np.array([item for row in rows for item in row], np.int64), len(rows), n_items)


def candidates_of(held_out: HeldOut | HeldOutLists) -> list[list[int]]:
    """Return the candidates of each user, without padding."""
    if isinstance(held_out, HeldOutLists):
        return rows(held_out.candidates)
    padding = torch.zeros_like(held_out.candidates, dtype=torch.bool) if held_out.padding is None else held_out.padding
    return [row[~padded].tolist() for row, padded in zip(held_out.candidates.T, padding.T, strict=True)]


@st.composite
def scored(draw: st.DrawFn, values: Sequence[float] = SOME, most: int = 4) -> Scored:
    """Users with none, one or `most` test items, some of them trained on or named twice; nobody has the last item."""
    n_users, n_items = draw(st.integers(1, 5)), draw(st.integers(5, 9))
    items = st.integers(0, n_items - 2)
    scores = [[draw(st.sampled_from(values)) for _ in range(n_items)] for _ in range(n_users)]
    train = [draw(st.lists(items, min_size=1, max_size=4)) for _ in range(n_users)]
    test = [draw(st.lists(items, max_size=most)) for _ in range(n_users)]
    validation = [draw(st.lists(items, max_size=most)) for _ in range(n_users)] if draw(st.booleans()) else None
    return Scored(scores, train, test, validation)
