"""The metrics of a run: ER@K (Eq. 3), the quality of rankings of users in blocks, and on request what explains both."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Generator, Tensor

from fedrec.evaluation.diagnostics import Diagnostics, TrainedState
from fedrec.evaluation.held_out import HeldOut, together
from fedrec.evaluation.held_out_lists import HeldOutLists, each_once
from fedrec.evaluation.quality import QUALITY, RANKINGS, Means, hits
from fedrec.evaluation.ranking import Ranks
from fedrec.evaluation.recommended import SPREADS, spread
from fedrec.evaluation.user_block import MOST_ITEMS, UserBlock, Wanted, users_at_once
from fedrec.evaluation.who_counts import ExposedUsers, tell_few_candidates, tell_trained, undefined
from fedrec.interfaces import EachOnce, Interactions, Model, Positive, Split
from fedrec.randomness import generator

MANY_USERS = 100_000  # from so many on `max_users=null` means SAMPLED_OF_MANY
SAMPLED_OF_MANY = 1000

Ranking = Literal["ER", "HR", "NDCG", "Recall", "Precision", "MRR", "full_HR", "full_NDCG", "full_Recall", "full_Precision", "full_MRR"]
Explanation = Literal["coverage", "gini", "mining", "poison_share", "PKL", "UCR"]

ABOUT_TARGETS = ("ER", "poison_share")  # not measured if there is no target item

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Evaluator:
    """Measures a federation and never changes it; its random draws have streams of their own."""

    every: Positive
    k: Annotated[list[Positive], Field(min_length=1), EachOnce]
    metrics: Annotated[list[Ranking | Explanation], Field(min_length=1), EachOnce]
    selection: Annotated[
        str,
        Field(
            pattern=r"^(ER|(full_)?(HR|NDCG|Recall|Precision|MRR))@[1-9]\d*$",
            description="ER@K, or HR, NDCG, Recall, Precision or MRR @K, or one of them with full_ before it",
        ),
    ]
    candidates: Positive
    protocol: Annotated[str, Field(pattern=r"^(uni[1-9]\d*|full)$", description="full or uniN, N = evaluation.candidates")]
    validation_items: Literal["ranked", "left_out"]
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
    held_out: dict[str, HeldOut | HeldOutLists] = field(init=False)  # of these users, by the same prefixes
    blocks: Sequence[UserBlock] = field(init=False)
    space: Tensor = field(init=False)  # for the scores of a block: fresh memory each time would cost as much as the metrics
    means: Means = field(init=False)
    exposures: Mapping[str, Sequence[float | None]] = field(init=False, default_factory=dict)  # what the last `Evaluation` says of targets
    diagnostics: Diagnostics = field(init=False)
    undefined: Mapping[str, str] = field(init=False)  # metric that is asked for and has no value, whatever is trained -> why

    def __post_init__(self) -> None:
        if self.protocol not in ("full", own := f"uni{self.candidates}"):
            raise ValueError(
                f"evaluation.protocol={self.protocol} is not allowed with evaluation.candidates={self.candidates}: it must be {own} or full"
            )

    def setup(self, split: Split, model: Model, targets: Sequence[int], state: TrainedState, seed: int) -> None:
        """Draw the users and the candidates. Raises ValueError if an option does not fit the data or another option."""
        if not targets:
            self.metrics = [name for name in self.metrics if name not in ABOUT_TARGETS]
        self._check(split.train.n_items)
        self.split, self.model, self.targets, self.state = split, model, targets, state
        self.users = self._sample_users(split.train.n_users, generator(seed, "evaluated_users"))
        self.generators = {prefix: generator(seed, f"{prefix}candidates") for prefix in ("", "validation_")}
        self._draw()
        self.space = torch.empty(split.train.n_items * max(len(block.users) for block in self.blocks), device=state.users.device)
        self.means = Means(self.k, len(self.users), sampled=len(self.users) < len(state.users))
        self.diagnostics = Diagnostics(frozenset(self.metrics), self.mined_sizes, split.train, targets, state)
        reasons = undefined(self.metrics, self.held_out, self.blocks, self.exposed_users)
        self.undefined = {f"{name}@{k}": reason for name, reason in reasons.items() for k in self.k}
        if self.selection in self.undefined:
            raise ValueError(f"evaluation.selection = {self.selection}: undefined, because {self.undefined[self.selection]}")
        tell_trained(self.held_out)
        if self._among_candidates:
            tell_few_candidates(self._among_candidates, self.held_out[""], self.candidates)

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
        named = {"": split.test} if split.validation is None else {"": split.test, "validation_": split.validation}
        parts = {prefix: each_once(part.of(self.users)) for prefix, part in named.items()}
        self.held_out = {prefix: self._draw_candidates(prefix, parts, [seen, *parts.values()]) for prefix in parts}
        size = users_at_once(split.train.n_items)
        self.blocks = [
            UserBlock.prepare(
                start, self.users[start : start + size], seen, self.held_out, self.targets, self.exposed_users == "untrained", device
            )
            for start in range(0, len(self.users), size)
        ]

    def _draw_candidates(self, prefix: str, parts: Mapping[str, Interactions], met: Sequence[Interactions]) -> HeldOut | HeldOutLists:
        """Draw what the held-out items of the scored users are ranked against; `parts` by the prefix of the metrics."""
        items = parts[prefix]
        n_candidates = min(self.candidates, items.n_items) if self._among_candidates else 0
        known = {} if prefix or self.validation_items == "ranked" else parts  # when the test items are ranked
        if len(known) < 2 and int(items.offsets.diff().max()) <= 1:
            return HeldOut.draw(items.only(), met, n_candidates, self.generators[prefix])
        left_out = together(list(known.values()) or [items])
        return HeldOutLists.draw(items, left_out, met, n_candidates, max(self.k), self.generators[prefix])

    def require_countable(self, n_items: int) -> None:
        """Raise ValueError if there are too many items to count the scores of a block of users."""
        if n_items > MOST_ITEMS:
            raise ValueError(f"dataset: {n_items} items; at most {MOST_ITEMS}, because scores of a block of users are counted with 32 bits")

    def _check(self, n_items: int) -> None:
        self.require_countable(n_items)
        longest = dict.fromkeys(("ER", *RANKINGS, *SPREADS), n_items) | dict.fromkeys(self._among_candidates, self.candidates + 1)
        lengths = [longest[name] for name in self.metrics if name in longest]
        measured = [f"{name}@{k}" for name in self.metrics if name in longest and name not in SPREADS for k in self.k]
        if self.selection not in measured:
            raise ValueError(f"evaluation.selection = {self.selection}: not measured; allowed are {', '.join(measured)}")
        if max(self.k) > (limit := min(lengths)):
            raise ValueError(f"evaluation.k = {self.k}: at most {limit}, the length of the shortest ranking")
        if self.mined_sizes and max(self.mined_sizes) > n_items and {"mining", "PKL", "UCR"}.intersection(self.metrics):
            raise ValueError(f"evaluation.mined_sizes = {self.mined_sizes}: at most {n_items}, the number of items")

    def evaluate(self) -> dict[str, float]:
        """Return all metrics of the federation as it is now; rankings, coverage and Gini index lie in [0, 1]."""
        if self.redraw_candidates:
            self._draw()
        with torch.no_grad():
            return self._ranking_metrics(self._ranks()) | self.diagnostics.measure()

    def state_dict(self) -> dict[str, Any]:
        """Return all that changes from round to round: where the candidates' random streams are, and what `diagnostics` remembers."""
        streams = {prefix: stream.get_state() for prefix, stream in self.generators.items()}
        return {"generators": streams, "diagnostics": self.diagnostics.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        for prefix, stream in self.generators.items():
            stream.set_state(state["generators"][prefix])
        self.diagnostics.load_state_dict(state["diagnostics"])

    def _ranks(self) -> dict[str, Ranks]:
        """Return what is wanted of all users who are scored, as `UserBlock.ranks` names it."""
        wanted = Wanted(
            sampled=bool(self._among_candidates),
            full=any(name in RANKINGS and name not in self._among_candidates for name in self.metrics),
            exposure="ER" in self.metrics,
            recommended=max(self.k) if set(SPREADS).intersection(self.metrics) else 0,
        )
        users, global_model = self.state.users, self.state.global_model
        parts = [block.ranks(self.model, users.index_select(0, block.users), global_model, self.space, wanted) for block in self.blocks]
        return {name: np.concatenate([part[name].cpu().numpy() for part in parts]) for name in parts[0]}

    @property
    def _among_candidates(self) -> list[str]:
        """The metrics that rank held-out items among candidates."""
        return [name for name in QUALITY if name in self.metrics and self.protocol != "full"]

    def _ranking_metrics(self, ranks: dict[str, Ranks]) -> dict[str, float]:
        metrics: dict[str, float] = {}
        for prefix, held_out in self.held_out.items():
            for name, quality in RANKINGS.items():
                if name in self.metrics:
                    found = ranks[prefix + ("sampled" if name in self._among_candidates else "full")]
                    metrics |= self.means.of_quality(prefix + name, found, held_out.sizes.numpy(), quality)
        if "ER" in self.metrics:
            of_targets = list(ranks["ER"].T)
            each = self.means.of_each(of_targets, hits)
            metrics |= self.means.of_targets("ER", of_targets, hits, each)
            self.exposures = {f"ER@{k}": [None if one is None else float(one[n]) for one in each] for n, k in enumerate(self.k)}
        if "recommended" in ranks:
            metrics |= spread(self.metrics, ranks["recommended"], self.k, self.split.train.n_items)
        return metrics
