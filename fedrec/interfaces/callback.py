"""What observes a run, and what it is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from fedrec.interfaces.dataset import Ids
from fedrec.interfaces.round import RoundResult

Status = Literal["FINISHED", "FAILED", "KILLED", "PRUNED"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics after a round; every value in [0, 1] unless its name says otherwise."""

    round: int
    epoch: int
    metrics: Mapping[str, float]
    exposures: Mapping[str, Sequence[float | None]] = field(default_factory=dict)  # of each target item [T], by metric; None: of nobody


@dataclass(frozen=True, slots=True)
class WithoutAttack:
    """What the same run has measured without its attack."""

    name: str
    folder: Path
    evaluations: Sequence[Evaluation]


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What a callback is told at the start of a run."""

    config: Mapping[str, Any]  # the whole configuration, resolved
    folder: Path  # the run's own folder, holds items.parquet and users.parquet
    n_rounds: int
    target_items: Sequence[int]  # numbers in 0..M-1
    item_ids: Ids  # [M], how the data set names each item: users of the program see these
    item_titles: Ids | None  # [M], text or None; None: no title is known
    user_ids: Ids  # [U], how the data set names each user
    popularity: Tensor  # [M] int64, interactions of each item in training
    popularity_ranks: Tensor  # [M] int64, 1 = most interactions in training
    user_interactions: Tensor  # [U] int64, the same of each user
    statistics: Mapping[str, float]  # of the data set: users, items, interactions, rate, sparsity
    data_checksum: str  # of the split
    undefined: Mapping[str, str]  # metric that no evaluation of this run will have, `ER@10` for instance -> why
    rounds_before: int = 0  # that an earlier process has finished, if the run goes on from a checkpoint
    without_attack: WithoutAttack | None = None  # of an untargeted attack, unless nobody asks for it

    @property
    def target_ids(self) -> list[int | str]:
        """How the data set names the target items."""
        ids: list[int | str] = self.item_ids[np.array(self.target_items, np.int64)].tolist()
        return ids

    @property
    def target_titles(self) -> list[str | None] | None:
        """What people call the target items; None if no title of any item is known."""
        return None if self.item_titles is None else [self.item_titles[item] for item in self.target_items]


class Pruned(Exception):
    """A callback raises it to end a run that is not worth going on."""


class Callback:
    """Watches a run, never changes it, but may end it early (`Pruned`). A callback overrides what it wants to be told.

    In a run that goes on from a checkpoint it is given its state, then told the start, every evaluation so far, and the rounds to come.
    """

    def on_run_start(self, info: RunInfo) -> None:
        pass

    def on_round_end(self, result: RoundResult) -> None:
        pass

    def on_evaluation(self, evaluation: Evaluation) -> None:
        pass

    def on_run_end(self, status: Status, summary: Mapping[str, Any]) -> Mapping[str, Any]:
        """Called once however the run ends. What it returns is added to the summary; a tracker returns its run id."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Return what it remembers of rounds, for a checkpoint: numbers, texts, tensors, None, and lists, tuples and dicts of these."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` returned; called before `on_run_start`, and not at all if that was nothing."""
