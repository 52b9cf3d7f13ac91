"""The paper's client-side defense: benign clients add two regularisers to their training loss.

Zhang et al., "Preventing the Popular Item Embedding Based Attack in Federated Recommendations", ICDE 2024, Sec. V-B. The loss of Eq. 16
subtracts beta * Re1 + gamma * Re2. Re1 (Eq. 14) makes unpopular items resemble popular ones, against PIECK-IPE; its gradient flows to the
client's unpopular items only. Re2 (Eq. 15) drives the user embedding away from popular items, against PIECK-UEA; its gradient flows to
the user embedding only. Re1 begins once the client has mined. Re2 begins then, too (`starts=mined`), or at the first participation, when
arbitrary items stand for the popular ones (`starts=first`, released code). Paper and code also differ in `weighting`, `divergence` and
`reduction`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, normalize, softmax

from fedrec.interfaces import (
    ClientBatch,
    ClientDefense,
    FactoredRows,
    GlobalModel,
    LocalGradients,
    LocalModel,
    NonNegative,
    Positive,
    ReplacedRows,
)
from fedrec.mining import MinedPairs, PopularItemMiner
from fedrec.ragged import distinct, segment_sum

EPSILON = 1e-8  # the shortest embedding whose direction counts


class Popular(NamedTuple):
    """The popular items P_i of the C clients of a batch, and what kappa' and D_i make of them."""

    items: Tensor  # [C, N]
    distinct: Tensor  # [K] int64, the items that anybody has mined
    places: Tensor  # [C, N] int32, where `items` stand among them
    in_re1: Tensor  # [C, N] kappa', 0 for a client without Re1
    in_re2: Tensor  # [C, N] kappa', 0 for a client without Re2
    inside: Tensor  # [k] int64, the pairs whose item is in P_i
    share: Tensor  # [C] 1 / |D_i - P_i|, repeats included


@dataclass(kw_only=True)
class PopularityRegularizer(ClientDefense):
    paper = "Zhang et al., PIECK, ICDE 2024"
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"
    keeps_models = False

    N: Positive
    beta: NonNegative
    gamma: NonNegative
    weighting: Literal["exp", "square"]
    divergence: Literal["user_from_item", "item_from_user"]
    reduction: Literal["mean", "sum"]
    mining_times: Positive
    starts: Literal["first", "mined"]
    miner: PopularItemMiner = field(init=False)
    pairs: MinedPairs = field(init=False)
    weights: Tensor = field(init=False)  # [N] kappa'

    def setup(self, n_clients: int, n_items: int) -> None:
        try:
            self.miner = PopularItemMiner(n_clients, n_items, self.N, self.mining_times)
        except ValueError as error:
            raise ValueError(f"defense.{error}") from None
        self.weights = self.kappa()
        self.pairs = MinedPairs(n_clients, self.N)

    def observe(self, round: int, clients: Tensor, global_model: GlobalModel) -> None:
        self.miner.observe(round, clients, global_model.items)

    def follow(self, replaced: ReplacedRows) -> None:
        self.miner.follow(replaced)

    def kappa(self) -> Tensor:
        """Return kappa' of the mined items, the most popular first, [N]; it sums to 1."""
        ranks = torch.arange(1.0, self.N + 1)
        if self.weighting == "exp":
            return softmax(-ranks, 0)
        return (self.N - ranks + 1) ** 2 / ((self.N - ranks + 1) ** 2).sum()

    def penalty(self, local: LocalModel, batch: ClientBatch) -> Tensor:
        popular = self._popular(batch, local.global_model)
        normals = normalize(local.global_model.items, eps=EPSILON)[popular.items]  # [C, N, d]
        direction = (popular.in_re1[:, :, None] * normals).sum(1)  # [C, d]
        cosine = (normalize(local.rows, eps=EPSILON) * direction[batch.segments]).sum(1)  # [E]
        counted = (cosine * batch.counts).index_fill(0, popular.inside, 0.0)
        total = torch.zeros_like(popular.share).index_add(0, batch.segments, counted)
        re1 = total * popular.share  # Eq. (14)
        log_user = log_softmax(local.users, 1)[:, None]  # [C, 1, d]
        log_item = log_softmax(local.global_model.items[popular.items], 2)  # [C, N, d]
        if self.divergence == "user_from_item":
            divergence = (log_user.exp() * (log_user - log_item)).sum(2)  # [C, N]
        else:
            divergence = (log_item.exp() * (log_item - log_user)).sum(2)
        re2 = (popular.in_re2 * divergence).sum(1) * self._per_coordinate(local.users)  # Eq. (15)
        return -self.beta * re1 - self.gamma * re2

    def penalty_gradients(self, users: Tensor, global_model: GlobalModel, batch: ClientBatch) -> LocalGradients:
        """Return the gradients of `penalty` in closed form. No row is made unless an aggregator asks for it."""
        if self.starts == "mined" and not self.miner.ready(batch.clients).any():
            return LocalGradients(users.new_zeros(len(users)), torch.zeros_like(users), ())
        popular = self._popular(batch, global_model)
        re1, rows = self._confusion(popular, global_model, batch)
        re2, user_gradient = self._separation(popular, users, global_model)
        return LocalGradients(-self.beta * re1 - self.gamma * re2, -self.gamma * user_gradient, (rows,))

    def _confusion(self, popular: Popular, global_model: GlobalModel, batch: ClientBatch) -> tuple[Tensor, FactoredRows]:
        """Return Re1 [C] and the gradient rows of -beta * Re1."""
        lengths = torch.linalg.vector_norm(global_model.items, dim=1).clamp(min=EPSILON)  # [M]
        units = global_model.items.index_select(0, popular.distinct) / lengths.index_select(0, popular.distinct)[:, None]  # [K, d]
        direction = _weighted_rows(units, popular.places, popular.in_re1) * popular.share[:, None]  # [C, d]
        coefficients = (1 / lengths).index_select(0, batch.items).index_fill_(0, popular.inside, 0.0)  # [E]
        towards = segment_sum(global_model.items, batch.items, batch.offsets, coefficients * batch.counts)  # [C, d], sum of unit vectors
        # d cos(w, v) / dv is w without its part along v, divided by |v|
        rows = FactoredRows(coefficients, -self.beta * direction, global_model.items)
        return (direction * towards).sum(1), rows

    def _separation(self, popular: Popular, users: Tensor, global_model: GlobalModel) -> tuple[Tensor, Tensor]:
        """Return Re2 [C] and its gradient by the user embeddings [C, d]."""
        log_items, log_user = log_softmax(global_model.items.index_select(0, popular.distinct), 1), log_softmax(users, 1)  # [K, d], [C, d]
        probability, scale = log_user.exp(), self._per_coordinate(users)
        mined, kappa = popular.places, popular.in_re2
        mass = kappa.sum(1)  # 1 with Re2, 0 without
        if self.divergence == "user_from_item":
            difference = log_user * mass[:, None] - _weighted_rows(log_items, mined, kappa)  # [C, d]
            re2 = (probability * difference).sum(1)
            return re2 * scale, probability * (difference - re2[:, None]) * scale
        entropy = _weighted_rows((log_items.exp() * log_items).sum(1, keepdim=True), mined, kappa)[:, 0]  # [C]
        expected = _weighted_rows(log_items.exp(), mined, kappa)  # [C, d]
        return (entropy - (expected * log_user).sum(1)) * scale, (probability * mass[:, None] - expected) * scale

    def _popular(self, batch: ClientBatch, global_model: GlobalModel) -> Popular:
        clients, device = batch.clients.cpu(), batch.items.device
        items, kappa, ready = self.miner.mined.index_select(0, clients).to(device), self.weights.to(device), self.miner.ready(clients)
        inside, share = self.pairs.of(batch, items, ready, len(global_model.items))
        in_re1 = kappa * ready.to(device)[:, None]
        in_re2 = kappa.expand_as(in_re1) if self.starts == "first" else in_re1
        mined, places = distinct(items.flatten(), len(global_model.items))
        return Popular(items, mined, places.view_as(items), in_re1, in_re2, inside, share)

    def _per_coordinate(self, users: Tensor) -> float:
        return 1 / users.shape[1] if self.reduction == "mean" else 1.0

    def mined_items(self) -> Tensor:
        return self.miner.mined[self.miner.has_mined]

    def state_dict(self) -> dict[str, Any]:
        return self.miner.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.miner.load_state_dict(state)
        self.pairs.forget()


def _weighted_rows(values: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
    """Return the sum over N of weights[c, n] * values[rows[c, n]]; [M, d], [C, N], [C, N] -> [C, d]."""
    offsets = torch.arange(len(rows) + 1, dtype=rows.dtype, device=rows.device) * rows.shape[1]
    return segment_sum(values, rows.flatten(), offsets, weights.flatten())
