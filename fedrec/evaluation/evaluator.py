"""Scores users in blocks: ER@K (Eq. 3), HR@K, full-ranking HR@K and NDCG@K; and on request what explains them."""

import math
from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from fedrec.data.interactions import Interactions, Split
from fedrec.evaluation.explanations import Explanations
from fedrec.evaluation.held_out import HeldOut
from fedrec.evaluation.ranking import hit_ratio, ndcg, rank
from fedrec.federation.system import System
from fedrec.interfaces import Positive, RoundResult
from fedrec.randomness import generator

BLOCK_SCORES = 2_000_000  # scores held at once: memory does not grow with the number of users


@dataclass(kw_only=True)
class Evaluator:
    """Nothing here touches the training: its random draws are its own, made once in `begin`."""

    every: Positive
    k: list[Positive]
    metrics: list[Literal["ER", "HR", "full_HR", "full_NDCG", "mining", "poison_share", "PKL", "UCR"]]
    selection: Annotated[str, Field(pattern=r"^(ER|HR|full_HR|full_NDCG)@[1-9]\d*$")]
    candidates: Positive
    max_users: Positive | None
    mined_sizes: list[Positive]
    explanations: Explanations = field(init=False)

    def begin(self, split: Split, system: System, seed: int) -> None:
        """Draw the users and the candidates once. Raises ValueError if `selection` is not among what is measured."""
        measured = [f"{name}@{k}" for name in self.metrics if name in {"ER", "HR", "full_HR", "full_NDCG"} for k in self.k]
        if self.selection not in measured:
            raise ValueError(f"evaluation.selection = {self.selection}: not measured; allowed are {', '.join(measured)}")
        self.system, self.train = system, split.train
        self.users = torch.arange(split.train.n_users)
        if self.max_users is not None and self.max_users < len(self.users):
            self.users = torch.randperm(len(self.users), generator=generator(seed, "evaluated_users"))[: self.max_users].sort().values
        self.seen = _rows(split.train, self.users)
        held_out = {"": split.test} if split.validation is None else {"": split.test, "validation_": split.validation}
        excluded = [items[self.users] for items in held_out.values()]
        self.held_out = {
            prefix: HeldOut.draw(items[self.users], self.seen, excluded, self.candidates, generator(seed, f"{prefix}candidates"))
            for prefix, items in held_out.items()
        }
        interacted = torch.zeros(len(self.users), len(system.targets), dtype=torch.bool)  # [B, T]
        for column, target in enumerate(system.targets):
            interacted[self.seen.users[self.seen.items == target], column] = True
        self.may_get_target = ~interacted
        self.explanations = Explanations(frozenset(self.metrics), self.mined_sizes, split.train, system)

    def observe(self, result: RoundResult) -> None:
        """Remember what the metrics on request need of a round."""
        self.explanations.observe(result)

    def evaluate(self) -> dict[str, float]:
        """All metrics asked for, at the present state of the system; ER, HR and NDCG in [0, 1]."""
        with torch.no_grad():
            return self._ranking_metrics(self._ranks()) | self.explanations.measure()

    def _ranks(self) -> dict[str, Tensor]:
        """Rank from 0 of each held-out item, sampled and full [B], and of the targets [B, T]; -1 where there is none."""
        parts: dict[str, list[Tensor]] = {}
        block_users = max(1, BLOCK_SCORES // self.train.n_items)
        for start in range(0, len(self.users), block_users):
            for name, values in self._block_ranks(start, min(start + block_users, len(self.users))).items():
                parts.setdefault(name, []).append(values.cpu())
        return {name: torch.cat(values) for name, values in parts.items()}

    def _block_ranks(self, start: int, stop: int) -> dict[str, Tensor]:
        system, ranks = self.system, {}
        device = system.users.device
        scores = system.model.score_all(system.users[self.users[start:stop].to(device)], system.received)  # [B, M]
        held_out = {prefix: part.block(start, stop, device) for prefix, part in self.held_out.items()}
        references = {prefix: scores.gather(1, part.items.clamp(min=0)[:, None])[:, 0] for prefix, part in held_out.items()}
        for prefix, part in held_out.items():
            among = scores.gather(1, part.candidates.clamp(min=0)).masked_fill(part.candidates < 0, -torch.inf)
            ranks[f"{prefix}HR"] = rank(among, references[prefix]).masked_fill(part.items < 0, -1)
        first, last = self.seen.offsets[start], self.seen.offsets[stop]
        rows = torch.arange(stop - start).repeat_interleave(self.seen.offsets[start : stop + 1].diff())
        flat = rows * self.train.n_items + self.seen.items[first:last]
        scores.view(-1)[flat.to(device)] = -torch.inf  # nobody is recommended what they trained on
        if {"full_HR", "full_NDCG"} & set(self.metrics):
            for prefix, part in held_out.items():
                itself = (~part.trained).long()  # a held-out item that was trained on is masked, it does not outrank itself
                ranks[f"{prefix}full"] = (rank(scores, references[prefix]) - itself).masked_fill(part.items < 0, -1)
        if "ER" in self.metrics:
            columns = [rank(scores, scores[:, target]) - 1 for target in system.targets]
            ranks["ER"] = torch.stack(columns, 1).masked_fill(~self.may_get_target[start:stop].to(device), -1)
        return ranks

    def _ranking_metrics(self, ranks: dict[str, Tensor]) -> dict[str, float]:
        metrics: dict[str, float] = {}
        for prefix in self.held_out:
            for name, source, function in (("HR", "HR", hit_ratio), ("full_HR", "full", hit_ratio), ("full_NDCG", "full", ndcg)):
                if name in self.metrics:
                    known = ranks[prefix + source][ranks[prefix + source] >= 0]
                    for k in self.k:
                        self._report(metrics, f"{prefix}{name}@{k}", [function(known, k)])
        if "ER" in self.metrics:
            eligible = [column[column >= 0] for column in ranks["ER"].unbind(1)]
            for k in self.k:
                self._report(metrics, f"ER@{k}", [hit_ratio(column, k) for column in eligible])
        return metrics

    def _report(self, metrics: dict[str, float], name: str, values: list[Tensor]) -> None:
        """The mean over targets of the mean over users; with a sample of users its standard error, too."""
        values = [part for part in values if len(part)]
        metrics[name] = float(torch.stack([part.mean() for part in values]).mean()) if values else 0.0
        if self.max_users is not None and values:
            variances = [part.var(unbiased=False) / len(part) for part in values]
            metrics[f"{name}_stderr"] = math.sqrt(float(torch.stack(variances).sum())) / len(values)


def _rows(interactions: Interactions, users: Tensor) -> Interactions:
    """The interactions of some users only, renumbered from 0."""
    sizes = interactions.offsets.diff()[users]
    offsets = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
    index = torch.arange(int(offsets[-1])) + (interactions.offsets[users] - offsets[:-1]).repeat_interleave(sizes)
    return Interactions(offsets, interactions.items[index], interactions.n_items)
