"""FedRecA (FedRecAttack): an attacker centre approximates the users' embeddings from interactions that it knows.

Rong et al., "FedRecAttack: Model Poisoning Attack to Federated Recommendation", ICDE 2022. The centre knows a share of the interactions
and trains copies of their users on them in every round (BPR, Adam, fixed items). It takes each user's `top_k` best items, known ones and
targets aside, and lets every target that the user is not known to have met overtake one of them, from the worst on: the loss is
g(s_other - s_target), g(x) = x for x >= 0 and e^x - 1 below. Its gradient by all items is a pool. From the pool the sampled malicious
clients take in ascending order, each at most `kappa` rows of norm at most `max_norm`. A client's rows are those of the targets and of
items that it chose once, with probability proportional to the norms of the pool's rows.

PIECK's tables mask the interactions: no user is known then, and the released code uploads zeros. With `synthetic_users` above 0 so many
users are drawn instead, anew in every round, from N(0, user_std^2).
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from fedrec.interfaces import Attack, AttackerKnowledge, AttackerView, ClientBatch, Positive, PriorWanted, Rate, RowGroup, Upload
from fedrec.poisoning.fake_users import equal_batch
from fedrec.poisoning.known_users import KnownUsers
from fedrec.ragged import top_of_columns
from fedrec.randomness import generator

NOTHING, UNDECIDED = -1, -2  # in place of an item
SCORES_AT_ONCE = 4_000_000  # bounds memory whatever the number of users


@dataclass(kw_only=True)
class FedRecAttack(Attack):
    paper = "Rong et al., ICDE 2022"
    knowledge = "historical interactions (masked by default)"
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"
    memory = ("chosen", "known_users")

    prior: Literal["masked", "interactions"]
    known_share: Annotated[float, Field(gt=0, le=1)]
    synthetic_users: Annotated[int, Field(ge=0)]
    user_std: Rate
    user_rate: Rate
    top_k: Positive
    kappa: Positive
    max_norm: Rate
    chosen: Tensor = field(init=False)  # [n_clients, kappa - T] items beside the targets
    known_users: KnownUsers | None = field(init=False, default=None)

    def prior_wanted(self) -> PriorWanted:
        return PriorWanted(interactions=self.known_share if self.prior == "interactions" else 0.0)

    def setup(self, known: AttackerKnowledge) -> None:
        super().setup(known)
        n_others = self.kappa - len(known.target_items)
        if n_others < 0:
            raise ValueError(f"attack.kappa = {self.kappa}: at least {len(known.target_items)}, the number of targets")
        self.chosen = torch.full((known.n_clients, min(n_others, known.n_items)), UNDECIDED, device=known.target_items.device)
        if known.prior.interactions is not None:
            self.known_users = KnownUsers(known, self.user_std, self.user_rate)

    def poison(self, view: AttackerView) -> Upload:
        users = self._users(view) if len(view.clients) else view.model.items[:0]
        if not len(users):
            return Upload.of_rows(view.clients, view.clients[:0], view.clients[:0], view.model.items[:0])
        return self._upload(view, self.pool(users, view))

    def _users(self, view: AttackerView) -> Tensor:
        """Return the embeddings that stand for the users in this round, [n, d]."""
        if self.known_users is not None:
            return self.known_users.fit(view.round, view.model)
        shape = (self.synthetic_users, view.model.items.shape[1])
        return self.user_std * torch.randn(shape, generator=generator(self.known.seed, f"users/{view.round}")).to(view.model.items)

    def pool(self, users: Tensor, view: AttackerView) -> Tensor:
        """Return the gradient of the attack loss by all items, [M, d]; users [n, d]."""
        pool, size = torch.zeros_like(view.model.items), max(1, SCORES_AT_ONCE // len(view.model.items))
        for start in range(0, len(users), size):
            pool += self._pool_of(slice(start, min(start + size, len(users))), users, view)
        return pool

    def _pool_of(self, block: slice, users: Tensor, view: AttackerView) -> Tensor:
        """Return what the users of a block add to the pool, [M, d]."""
        users, n_items = users[block], len(view.model.items)  # [n, d]
        scores = self.known.model.score_all(users, view.model, users.new_empty(n_items, len(users)))
        others, counts = self._overtaken(scores, block)  # 2 x [n, T]
        pairs = torch.cat([self.known.target_items.expand_as(others), others], 1)  # [n, 2T]
        batch = equal_batch(pairs, counts.repeat(1, 2).to(users.dtype))
        gradients = self.known.model.local_gradients(users, view.model, batch, overtaking)
        return Upload(batch.clients, (RowGroup(batch.clients, batch.offsets, batch.items, gradients.rows),)).total(n_items)[0]

    def _overtaken(self, scores: Tensor, block: slice) -> tuple[Tensor, Tensor]:
        """Return the item that each target shall overtake for each user, [n, T], and whether it shall, [n, T] bool; scores [M, n]."""
        targets = self.known.target_items
        unmet = torch.ones(scores.shape[1], len(targets), dtype=torch.bool, device=scores.device)
        if self.known_users is not None:
            owners, known = self.known_users.known_of(block)
            scores[known, owners] = -torch.inf
            pair, target = (known[:, None] == targets).nonzero(as_tuple=True)
            unmet[owners[pair], target] = False
        scores[targets] = -torch.inf
        best, items = top_of_columns(scores, min(self.top_k, len(scores)))  # 2 x [K, n]
        turn = unmet.cumsum(1).sub_(1).clamp_(min=0).remainder_(len(best))  # [n, T], from the worst of the best items on
        positions = (len(best) - 1 - turn).T  # [T, n]
        return items.gather(0, positions).T, unmet & best.gather(0, positions).isfinite().T

    def _upload(self, view: AttackerView, pool: Tensor) -> Upload:
        norms, targets = torch.linalg.vector_norm(pool, dim=1), self.known.target_items  # [M]
        order = view.clients.argsort()
        clients = view.clients[order]
        self._choose(clients[(self.chosen[clients] == UNDECIDED).any(1)], norms, view.round)
        items = torch.cat([targets.expand(len(clients), -1), self.chosen[clients]], 1)  # [A, kappa]
        segments = order[:, None].expand(items.shape)[items != NOTHING]
        items = items[items != NOTHING]  # [n], lowest client first
        amounts = (norms[items] - self.max_norm * _times_before(items)).clamp(0, self.max_norm)  # what is left in the pool
        sent = amounts > 0
        items, segments = items[sent], segments[sent]
        rows = pool[items] * (amounts[sent] / norms[items])[:, None]
        return Upload.of_rows(view.clients, items, segments, rows)

    def _choose(self, clients: Tensor, norms: Tensor, round: int) -> None:
        """Draw the items beside the targets, without replacement, for clients [A] that upload for the first time."""
        if not len(clients):
            return
        drawing = generator(self.known.seed, f"choose/{round}")
        keys = torch.empty(len(clients), len(norms), dtype=norms.dtype).exponential_(generator=drawing).to(norms.device) / norms
        keys[:, self.known.target_items] = torch.inf
        lowest, items = keys.topk(self.chosen.shape[1], dim=1, largest=False)
        self.chosen[clients] = torch.where(lowest.isfinite(), items, NOTHING)


def overtaking(scores: Tensor, batch: ClientBatch) -> tuple[Tensor, Tensor]:
    """Return each user's sum of g(s_other - s_target), [n], and its derivative, [n * 2T].

    scores [n * 2T]: a user's T targets, then T other items; `batch.labels` is 1 for what counts.
    """
    target, other = scores.view(len(batch.clients), -1).chunk(2, 1)  # [n, T]
    margin, counts = other - target, batch.labels.view(len(batch.clients), -1).chunk(2, 1)[0]
    slope = margin.clamp(max=0).exp() * counts
    losses = torch.where(margin >= 0, margin, margin.clamp(max=0).expm1()) * counts
    return losses.sum(1), torch.cat([-slope, slope], 1).flatten()


def _times_before(items: Tensor) -> Tensor:
    """Return how often each item stands further left; [n] -> [n].

    >>> _times_before(torch.tensor([7, 5, 7, 7])).tolist()
    [0, 0, 1, 2]
    """
    ordered, order = items.sort(stable=True)
    first = torch.searchsorted(ordered, ordered)
    return torch.empty_like(order).index_copy_(0, order, torch.arange(len(order), device=items.device) - first)
