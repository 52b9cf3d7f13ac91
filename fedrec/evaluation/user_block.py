"""The users who are scored at once. All that never changes during a run is made ready once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.evaluation.held_out import HeldOut
from fedrec.evaluation.held_out_lists import HeldOutLists, ListBlock
from fedrec.evaluation.ranking import rank
from fedrec.evaluation.recommended import recommend
from fedrec.interfaces import GlobalModel, Interactions, Model

BLOCK_SCORES = 2_000_000  # scores held at once: memory does not grow with the number of users
WIDTH_MULTIPLE = 16  # the matrix product is faster if every row of scores starts at a cache line
MOST_ITEMS = (2**31 - 1) // WIDTH_MULTIPLE  # positions in a block of scores are counted with 32 bits


def users_at_once(n_items: int) -> int:
    """Return the number of users in a block."""
    return WIDTH_MULTIPLE * max(1, BLOCK_SCORES // n_items // WIDTH_MULTIPLE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: ranks of held-out items among candidates and among all items, of targets, and so many recommended items."""

    sampled: bool
    full: bool
    exposure: bool
    recommended: int


@dataclass(frozen=True, slots=True)
class UserBlock:
    """B users and what their scores are compared with."""

    users: Tensor  # [W] int64, the last user repeated until W is a multiple of WIDTH_MULTIPLE
    seen: Tensor  # int64, flat positions in scores [M, W] of the items that each user trained on
    held_out: Mapping[str, HeldOut]  # of these users, by the prefix of the metrics, if nobody has several
    lists: Mapping[str, ListBlock]  # the same, by the other prefixes
    targets: Sequence[int]
    met_target: Tensor  # [B, T] bool, whom ER leaves out for a target

    @classmethod
    def prepare(
        cls,
        start: int,
        users: Tensor,
        seen: Interactions,
        held_out: Mapping[str, HeldOut | HeldOutLists],
        targets: Sequence[int],
        testers_count: bool,
        device: torch.device,
    ) -> "UserBlock":
        """Return the block of `users` [B], which are rows start:start + B of `seen` and `held_out`.

        ER leaves out who trained on a target and, unless `testers_count`, whose test item it is.
        """
        own = seen.of(torch.arange(start, start + len(users)))
        met_target = torch.zeros(len(users), len(targets), dtype=torch.bool)
        for column, target in enumerate(targets):
            met_target[own.users[own.items == target], column] = True
            if not testers_count:
                met_target[:, column] |= held_out[""].has(target)[start : start + len(users)]
        padded = torch.cat([users, users[-1:].expand(-len(users) % WIDTH_MULTIPLE)])
        positions = (own.items * len(padded) + own.users).sort().values  # in the order of memory
        parts = {prefix: part.of(slice(start, start + len(users)), len(padded), device) for prefix, part in held_out.items()}
        single = {prefix: part for prefix, part in parts.items() if isinstance(part, HeldOut)}
        lists = {prefix: part for prefix, part in parts.items() if isinstance(part, ListBlock)}
        return cls(padded.to(device), positions.to(device), single, lists, targets, met_target.to(device))

    def ranks(self, model: Model, users: Tensor, global_model: GlobalModel, space: Tensor, wanted: Wanted) -> dict[str, Tensor]:
        """Return the ranks from 0 of held-out items and targets, and what users [W, d] are recommended, as far as it is wanted.

        A rank is -1 if the user has no held-out item, or is left out for the target. `space` [M * W or more] may be overwritten.
        """
        space = space[: len(global_model.items) * len(users)].view(-1, len(users))
        scores = model.score_all(users, global_model, space, self.seen)  # [M, W]: comparing rows is vectorised
        ranks: dict[str, Tensor] = {}
        for prefix, one in self.lists.items():
            ranks |= {
                f"{prefix}{name}": found for name, found in one.ranks(scores, self.seen, sampled=wanted.sampled, full=wanted.full).items()
            }
        references = {prefix: part.score(scores) for prefix, part in self.held_out.items()}
        if wanted.sampled:
            ranks |= {f"{prefix}sampled": part.rank_sampled(scores, references[prefix]) for prefix, part in self.held_out.items()}
        scores.view(-1).index_fill_(0, self.seen, -torch.inf)  # nobody is recommended what they trained on
        if wanted.full:
            ranks |= {f"{prefix}full": part.rank_full(scores, references[prefix]) for prefix, part in self.held_out.items()}
        if wanted.exposure:
            columns = [rank(scores, scores[target])[: len(self.met_target)] - 1 for target in self.targets]
            ranks["ER"] = torch.stack(columns, 1).masked_fill_(self.met_target, -1)
        if wanted.recommended:
            ranks["recommended"] = recommend(scores, self.seen, wanted.recommended)[: len(self.met_target)]
        return ranks
