"""The metrics of a run: ER@K (Eq. 3), HR@K, full-ranking HR@K and NDCG@K of users in blocks, and on request what explains them."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Generator, Tensor

from fedrec.evaluation.diagnostics import Diagnostics, TrainedState
from fedrec.evaluation.held_out import HeldOut
from fedrec.evaluation.ranking import Gains, Ranks, hits, ndcg
from fedrec.evaluation.user_block import MOST_ITEMS, UserBlock, users_at_once
from fedrec.evaluation.who_counts import ExposedUsers, tell_few_candidates, undefined
from fedrec.interfaces import EachOnce, Model, Positive, Split
from fedrec.randomness import generator

MANY_USERS = 100_000  # from so many on `max_users=null` means SAMPLED_OF_MANY
SAMPLED_OF_MANY = 1000

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Evaluator:
    """Measures a federation and never changes it; its random draws have streams of their own."""

    every: Positive
    k: Annotated[list[Positive], Field(min_length=1), EachOnce]
    metrics: Annotated[
        list[Literal["ER", "HR", "full_HR", "full_NDCG", "mining", "poison_share", "PKL", "UCR"]], Field(min_length=1), EachOnce
    ]
    selection: Annotated[str, Field(pattern=r"^(ER|HR|full_HR|full_NDCG)@[1-9]\d*$", description="ER@K, HR@K, full_HR@K or full_NDCG@K")]
    candidates: Positive
    redraw_candidates: bool
    exposed_users: ExposedUsers
    exposed_above: Annotated[float, Field(ge=0, lt=1)]
    max_users: Positive | None
    mined_sizes: Annotated[list[Positive], EachOnce]

    split: Split = field(init=False)
    model: Model = field(init=False)
    targets: Sequence[int] = field(init=False)
    state: TrainedState = field(init=False)
    users: Tensor = field(init=False)  # [B] the users who are scored, ascending
    generators: dict[str, Generator] = field(init=False)  # of the candidates, by the prefix of the metrics: "" or "validation_"
    held_out: dict[str, HeldOut] = field(init=False)  # of these users, by the same prefixes
    blocks: Sequence[UserBlock] = field(init=False)
    space: Tensor = field(init=False)  # for the scores of a block: fresh memory each time would cost as much as the metrics
    gains: Mapping[Callable[[Ranks, Ranks], Gains], Gains] = field(init=False)  # of the ranks 0 to max(K), [max(K) + 1, K] each
    diagnostics: Diagnostics = field(init=False)
    undefined: Mapping[str, str] = field(init=False)  # metric that is asked for and has no value, whatever is trained -> why

    def setup(self, split: Split, model: Model, targets: Sequence[int], state: TrainedState, seed: int) -> None:
        """Draw the users and the candidates. Raises ValueError if an option does not fit the data or another option."""
        self._check(split.train.n_items)
        self.split, self.model, self.targets, self.state = split, model, targets, state
        self.users = self._sample_users(split.train.n_users, generator(seed, "evaluated_users"))
        self.generators = {prefix: generator(seed, f"{prefix}candidates") for prefix in ("", "validation_")}
        self._draw()
        self.space = torch.empty(split.train.n_items * max(len(block.users) for block in self.blocks), device=state.users.device)
        self.gains = {gain: gain(np.arange(max(self.k) + 1), np.array(self.k)) for gain in (hits, ndcg)}
        self.diagnostics = Diagnostics(frozenset(self.metrics), self.mined_sizes, split.train, targets, state)
        reasons = undefined(self.metrics, self.held_out, self.blocks, self.exposed_users)
        self.undefined = {f"{name}@{k}": reason for name, reason in reasons.items() for k in self.k}
        if self.selection in self.undefined:
            raise ValueError(f"evaluation.selection = {self.selection}: undefined, because {self.undefined[self.selection]}")
        if "HR" in self.metrics:
            tell_few_candidates(self.held_out[""], self.candidates)

    def _sample_users(self, n_users: int, generator: Generator) -> Tensor:
        """Return the users who are scored, ascending: all, or a sample of `max_users`. Tell it if the sample was not asked for."""
        n_sampled = self.max_users
        if n_sampled is None and n_users >= MANY_USERS:
            n_sampled = SAMPLED_OF_MANY
            log.warning(
                "evaluation scores %d of %d users, drawn by the seed; evaluation.max_users=%d scores all", SAMPLED_OF_MANY, n_users, n_users
            )
        if n_sampled is None or n_sampled >= n_users:
            return torch.arange(n_users)
        return torch.randperm(n_users, generator=generator)[:n_sampled].sort().values

    def _draw(self) -> None:
        """Draw the candidates, and make ready the blocks of users who are scored with them."""
        split, device = self.split, self.state.users.device
        seen = split.train.of(self.users)
        held_out = {prefix: part.only() for prefix, part in (("", split.test), ("validation_", split.validation)) if part is not None}
        excluded = [items[self.users] for items in held_out.values()]
        self.held_out = {
            prefix: HeldOut.draw(items[self.users], seen, excluded, min(self.candidates, split.train.n_items), self.generators[prefix])
            for prefix, items in held_out.items()
        }
        size = users_at_once(split.train.n_items)
        self.blocks = [
            UserBlock.prepare(
                start, self.users[start : start + size], seen, self.held_out, self.targets, self.exposed_users == "untrained", device
            )
            for start in range(0, len(self.users), size)
        ]

    def require_countable(self, n_items: int) -> None:
        """Raise ValueError if there are too many items to count the scores of a block of users."""
        if n_items > MOST_ITEMS:
            raise ValueError(f"dataset: {n_items} items; at most {MOST_ITEMS}, because scores of a block of users are counted with 32 bits")

    def _check(self, n_items: int) -> None:
        self.require_countable(n_items)
        longest = {"HR": self.candidates + 1, "ER": n_items, "full_HR": n_items, "full_NDCG": n_items}
        rankings = [name for name in self.metrics if name in longest]
        measured = [f"{name}@{k}" for name in rankings for k in self.k]
        if self.selection not in measured:
            raise ValueError(f"evaluation.selection = {self.selection}: not measured; allowed are {', '.join(measured)}")
        if max(self.k) > (limit := min(longest[name] for name in rankings)):
            raise ValueError(f"evaluation.k = {self.k}: at most {limit}, the length of the shortest ranking")
        if self.mined_sizes and max(self.mined_sizes) > n_items and {"mining", "PKL", "UCR"}.intersection(self.metrics):
            raise ValueError(f"evaluation.mined_sizes = {self.mined_sizes}: at most {n_items}, the number of items")

    def evaluate(self) -> dict[str, float]:
        """Return all metrics of the federation as it is now; ER, HR and NDCG lie in [0, 1]."""
        if self.redraw_candidates:
            self._draw()
        with torch.no_grad():
            return self._ranking_metrics(self._ranks()) | self.diagnostics.measure()

    def _ranks(self) -> dict[str, Ranks]:
        """Return the rank from 0 of each held-out item, sampled and full [B], and of the targets [B, T]; -1 where there is none."""
        wanted = {"sampled": "HR" in self.metrics, "full": bool({"full_HR", "full_NDCG"} & set(self.metrics)), "ER": "ER" in self.metrics}
        users, global_model = self.state.users, self.state.global_model
        parts = [block.ranks(self.model, users.index_select(0, block.users), global_model, self.space, **wanted) for block in self.blocks]
        return {name: np.concatenate([part[name].cpu().numpy() for part in parts]) for name in parts[0]}

    def _ranking_metrics(self, ranks: dict[str, Ranks]) -> dict[str, float]:
        metrics: dict[str, float] = {}
        for prefix in self.held_out:
            for name, source, gain in (("HR", "sampled", hits), ("full_HR", "full", hits), ("full_NDCG", "full", ndcg)):
                if name in self.metrics:
                    metrics |= self._means(prefix + name, [ranks[prefix + source]], gain)
        if "ER" in self.metrics:
            metrics |= self._means("ER", list(ranks["ER"].T), hits)
        return metrics

    def _means(self, name: str, ranks: list[Ranks], gain: Callable[[Ranks, Ranks], Gains]) -> dict[str, float]:
        """Return the mean over targets of the mean over users, for every K; if users were sampled, also its standard error.

        Targets that no user counts for do not count. If there is no other, there is no mean.

        The targets' means share their users, so the error is that of what each user adds to all of them.
        """
        worst, gains = max(self.k), self.gains[gain]  # the worst rank stands for all that gain nothing
        counts = [np.bincount(np.minimum(one, worst) + 1, minlength=worst + 2)[1:] for one in ranks]  # users with each rank, -1 left out
        known = [number for number, one in enumerate(counts) if one.any()]
        if not known:
            return {}  # `undefined` says why
        means = np.array([counts[number] @ gains / counts[number].sum() for number in known])  # [T, K]
        metrics = {f"{name}@{k}": mean for k, mean in zip(self.k, means.mean(0).tolist(), strict=True)}
        if len(self.users) < len(self.state.users):
            added = np.zeros((len(self.users), len(self.k)))  # [B, K]
            for number, mean in zip(known, means, strict=True):
                one, n_users = ranks[number], counts[number].sum()
                added += np.where(one[:, None] >= 0, gains[np.minimum(one, worst)] - mean, 0) / n_users / len(means)
            errors = np.sqrt((added**2).sum(0))
            metrics |= {f"{name}@{k}_stderr": error for k, error in zip(self.k, errors.tolist(), strict=True)}
        return metrics
