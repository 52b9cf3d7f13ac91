"""The users that are scored at once: all that never changes during a run is made ready once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.data.interactions import Interactions
from fedrec.evaluation.held_out import HeldOut
from fedrec.evaluation.ranking import rank
from fedrec.interfaces import GlobalModel, Model


@dataclass(frozen=True, slots=True)
class UserBlock:
    users: Tensor  # [B] int64
    seen: Tensor  # positions in [M, B], flat, of what each user trained on, int32
    held_out: Mapping[str, HeldOut]  # of these users
    targets: Sequence[int]
    met_target: Tensor  # [B, T] bool

    @classmethod
    def prepare(
        cls,
        start: int,
        users: Tensor,
        seen: Interactions,
        held_out: Mapping[str, HeldOut],
        targets: Sequence[int],
        device: torch.device,
    ) -> "UserBlock":
        """The block of `users` [B]; they are rows start:start + B of `seen` and `held_out`."""
        rows = torch.arange(start, start + len(users))
        own = seen.of(rows)
        met_target = torch.zeros(len(users), len(targets), dtype=torch.bool)
        for column, target in enumerate(targets):
            met_target[own.users[own.items == target], column] = True
        positions = (own.items * len(users) + own.users).sort().values.int()  # in the order of memory
        parts = {prefix: part.of(slice(start, start + len(users)), device) for prefix, part in held_out.items()}
        return cls(users.to(device), positions.to(device), parts, targets, met_target.to(device))

    def ranks(self, model: Model, users: Tensor, received: GlobalModel, *, sampled: bool, full: bool, ER: bool) -> dict[str, Tensor]:
        """Ranks from 0 of the held-out items among the candidates and among all items, and of the targets; users [B, d].

        -1 where a user has no held-out item or has met the target.
        """
        scores = model.score_all(users, received).T.contiguous()  # [M, B]: comparing with one number per user is then vectorised
        ranks: dict[str, Tensor] = {}
        references = {prefix: part.score(scores) for prefix, part in self.held_out.items()}
        if sampled:
            ranks |= {f"{prefix}sampled": part.rank_sampled(scores, references[prefix]) for prefix, part in self.held_out.items()}
        scores.view(-1).index_fill_(0, self.seen.long(), -torch.inf)  # nobody is recommended what they trained on
        if full:
            ranks |= {f"{prefix}full": part.rank_full(scores, references[prefix]) for prefix, part in self.held_out.items()}
        if ER:
            columns = [rank(scores, scores[target]) - 1 for target in self.targets]
            ranks["ER"] = torch.stack(columns, 1).masked_fill_(self.met_target, -1)
        return ranks
