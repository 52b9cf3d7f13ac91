"""FedRecA (FedRecAttack): one attacker centre approximates the users' embeddings from interactions that it knows.

Rong et al., "FedRecAttack: Model Poisoning Attack to Federated Recommendation", ICDE 2022. In every round the centre trains its
copies of the known users on their known interactions (BPR, Adam, items fixed), takes each one's `top_k` best items outside the known
ones and the targets, and lets every target that the user is not known to have met overtake one of them, from the worst on: loss
g(s_other - s_target), g(x) = x for x >= 0 and e^x - 1 below. The gradient of all items is a pool from which the sampled malicious
clients draw: the lowest numbered first, each at most `kappa` rows (the targets and items that it chose once, with probability
proportional to the norms of the pool's rows) of norm at most `max_norm`; what one uploads is taken out of the pool.

PIECK's tables mask the interactions: there are no users then, and the released code uploads zeros. `synthetic_users` above 0 draws so
many instead, anew in every round, from N(0, user_std^2).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from fedrec.interfaces import (
    Attack,
    AttackerKnowledge,
    AttackerView,
    ClientBatch,
    GlobalModel,
    Positive,
    PriorWanted,
    Rate,
    RowGroup,
    Upload,
)
from fedrec.poisoning.known_users import KnownUsers
from fedrec.ragged import top_of_columns
from fedrec.randomness import generator

NOTHING = -1  # in place of an item
SCORES_AT_ONCE = 4_000_000


@dataclass(kw_only=True)
class FedRecAttack(Attack):
    paper: ClassVar[str] = "Rong et al., ICDE 2022"
    knowledge: ClassVar[str] = "historical interactions (masked by default)"
    applies_to: ClassVar[str] = "MF-FRS, DL-FRS"

    prior: Literal["masked", "interactions"]
    known_share: Annotated[float, Field(gt=0, le=1)]
    synthetic_users: Annotated[int, Field(ge=0)]
    user_std: Rate
    user_rate: Rate
    top_k: Positive
    kappa: Positive
    max_norm: Rate
    known: AttackerKnowledge = field(init=False)
    chosen: Tensor = field(init=False)  # [n_clients, kappa - T] items beside the targets
    has_chosen: Tensor = field(init=False)  # [n_clients] bool
    known_users: KnownUsers | None = field(init=False, default=None)

    def prior_wanted(self) -> PriorWanted:
        return PriorWanted(interactions=self.known_share if self.prior == "interactions" else 0.0)

    def setup(self, known: AttackerKnowledge) -> None:
        n_others = self.kappa - len(known.target_items)
        if n_others < 0:
            raise ValueError(f"attack.kappa = {self.kappa}: at least {len(known.target_items)}, the number of targets")
        self.known, device = known, known.target_items.device
        self.chosen = torch.full((known.n_clients, min(n_others, known.n_items)), NOTHING, device=device)
        self.has_chosen = torch.zeros(known.n_clients, dtype=torch.bool, device=device)
        if known.prior.interactions is not None:
            self.known_users = KnownUsers(known, self.user_std, self.user_rate)

    def poison(self, view: AttackerView) -> Upload:
        users = self._users(view)
        if not len(users):
            return Upload.of_rows(view.clients, view.clients[:0], view.clients[:0], view.model.items[:0])
        return self._upload(view, self.pool(users, view.model))

    def _users(self, view: AttackerView) -> Tensor:
        """What stands for the users in this round, [n, d]."""
        items = view.model.items
        if not len(view.clients):
            return items[:0]
        if self.known_users is not None:
            return self.known_users.fit(view.round, view.model)
        drawn = torch.randn(self.synthetic_users, items.shape[1], generator=generator(self.known.seed, f"users/{view.round}"))
        return self.user_std * drawn.to(items)

    def pool(self, users: Tensor, global_model: GlobalModel) -> Tensor:
        """Gradient of the attack loss by all items, [M, d]; users [n, d]; memory does not grow with their number."""
        pool, size = torch.zeros_like(global_model.items), max(1, SCORES_AT_ONCE // len(global_model.items))
        for start in range(0, len(users), size):
            pool += self._pool_of(range(start, min(start + size, len(users))), users, global_model)
        return pool

    def _pool_of(self, block: range, users: Tensor, global_model: GlobalModel) -> Tensor:
        """What some users add to the pool, [M, d]."""
        targets, n_users, users = self.known.target_items, len(block), users[block.start : block.stop]
        scores = torch.empty(len(global_model.items), n_users, dtype=users.dtype, device=users.device)  # [M, n]
        self.known.model.score_all(users, global_model, out=scores)
        missing = torch.ones(n_users, len(targets), dtype=torch.bool, device=users.device)
        if self.known_users is not None:
            owners, known = self.known_users.known_of(block)
            scores[known, owners] = -torch.inf
            pair, target = (known[:, None] == targets).nonzero(as_tuple=True)
            missing[owners[pair], target] = False
        scores[targets] = -torch.inf
        best, items = top_of_columns(scores, min(self.top_k, len(scores)))  # [K, n]
        turn = missing.cumsum(1).sub_(1).clamp_(min=0).remainder_(len(best))  # [n, T], from the worst on
        positions = (len(best) - 1 - turn).T  # [T, n]
        missing = missing & best.gather(0, positions).isfinite().T
        pairs = torch.cat([targets.expand(n_users, -1), items.gather(0, positions).T], 1)  # [n, 2T]
        offsets = torch.arange(0, pairs.numel() + 1, pairs.shape[1], dtype=torch.int32, device=users.device)
        owners = torch.arange(n_users, device=users.device)
        batch = ClientBatch(owners, offsets, pairs.int().flatten(), missing.repeat(1, 2).to(users.dtype).flatten())
        gradients = self.known.model.local_gradients(users, global_model, batch, overtaking)
        group = RowGroup(owners, offsets, batch.items, gradients.rows)
        first, *others = (part.sum(group, len(global_model.items)) for part in gradients.rows)
        return sum(others, first)

    def _upload(self, view: AttackerView, pool: Tensor) -> Upload:
        norms, targets = torch.linalg.vector_norm(pool, dim=1), self.known.target_items  # [M]
        order = view.clients.argsort()
        clients = view.clients[order]
        self._choose(clients[~self.has_chosen[clients]], norms, view.round)
        items = torch.cat([targets.expand(len(clients), -1), self.chosen[clients]], 1)  # [A, kappa]
        segments = order[:, None].expand(items.shape)[items != NOTHING]
        items = items[items != NOTHING]  # [n], lowest client first
        left = norms[items] - self.max_norm * _times_before(items)
        amounts = left.clamp(0, self.max_norm)
        sent = amounts > 0
        items, segments = items[sent], segments[sent]
        rows = pool[items] * (amounts[sent] / norms[items])[:, None]
        return Upload.of_rows(view.clients, items, segments, rows)

    def _choose(self, clients: Tensor, norms: Tensor, round: int) -> None:
        """Items beside the targets for clients [A] that upload for the first time, drawn without replacement."""
        if not len(clients) or not self.chosen.shape[1]:
            return
        drawing = generator(self.known.seed, f"choose/{round}")
        keys = torch.empty(len(clients), len(norms), dtype=norms.dtype).exponential_(generator=drawing).to(norms.device) / norms
        keys[:, self.known.target_items] = torch.inf
        lowest, items = keys.topk(self.chosen.shape[1], dim=1, largest=False)
        self.chosen[clients] = torch.where(lowest.isfinite(), items, NOTHING)
        self.has_chosen[clients] = True

    def state_dict(self) -> dict[str, Any]:
        users = self.known_users.state_dict() if self.known_users else {}
        return {"chosen": self.chosen.clone(), "has_chosen": self.has_chosen.clone(), "known_users": users}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.chosen, self.has_chosen = state["chosen"].clone(), state["has_chosen"].clone()
        if self.known_users:
            self.known_users.load_state_dict(state["known_users"])


def overtaking(scores: Tensor, batch: ClientBatch) -> tuple[Tensor, Tensor]:
    """Sum of g(s_other - s_target) over the pairs that count; half of each user's pairs are targets, then come the others.

    scores [n * 2T]; `batch.labels` is 1 for what counts -> loss [n], derivative [n * 2T].
    """
    target, other = scores.view(len(batch.clients), -1).chunk(2, 1)  # [n, T]
    margin, counts = other - target, batch.labels.view(len(batch.clients), -1).chunk(2, 1)[0]
    slope = margin.clamp(max=0).exp() * counts
    losses = torch.where(margin >= 0, margin, margin.clamp(max=0).expm1()) * counts
    return losses.sum(1), torch.cat([-slope, slope], 1).flatten()


def _times_before(items: Tensor) -> Tensor:
    """How often each item stands further left; [n] -> [n].

    >>> _times_before(torch.tensor([7, 5, 7, 7])).tolist()
    [0, 0, 1, 2]
    """
    ordered, order = items.sort(stable=True)
    first = torch.searchsorted(ordered, ordered)
    return torch.empty_like(order).index_copy_(0, order, torch.arange(len(order), device=items.device) - first)
