"""The graph that a client of Fed-LightGCN has: a star of the user and the n items of its own, after one layer of propagation.

The user has n neighbours and each of its items one, so the symmetric normalisation divides every edge by sqrt(n). The mean of the layers
0 and 1 makes u' = (u + sum v_i / sqrt(n)) / 2 of the user, v_i' = (v_i + u / sqrt(n)) / 2 of its items, and v_j / 2 of all others. A user
without items is alone in its graph, and u' = u / 2.

With e a pair's derivative by its score, g_k that by its item v_k', and G that by u', the gradients are
    v_k: g_k / 2 + [k is own] G / (2 sqrt(n))        u: G / 2 + sum over own k of g_k / (2 sqrt(n))
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from fedrec.interfaces import ClientBatch, FactoredRows, GlobalModel, LocalGradients, Loss, ProjectedRows, Rows, ScorerGradients
from fedrec.models.perceptron import Perceptron, PerceptronGradients
from fedrec.ragged import repeat_each, scalar_segment_sum, segment_products, segment_sum


class Stars(NamedTuple):
    """The graphs of some users; the dimensions before d are those of the users."""

    weights: Tensor  # [..., 1] 1 / (2 sqrt(n))
    users: Tensor  # [..., d] u'
    shifts: Tensor  # [..., d] u / (2 sqrt(n)), which every own item gains

    @classmethod
    def of(cls, users: Tensor, total: Tensor, numbers: Tensor) -> "Stars":
        """Propagate; users [..., d], the sums of their own items [..., d] and how many these are [...]."""
        weights = 0.5 / numbers.clamp(min=1).sqrt().unsqueeze(-1)
        return cls(weights, users / 2 + weights * total, weights * users)

    def items(self, halves: Tensor, holds: Tensor) -> Tensor:
        """Return v' of the items of pairs; v / 2 [..., d], and whether the user has the item [...] in {0, 1}."""
        return halves + holds.unsqueeze(-1) * self.shifts


class PairGradients(NamedTuple):
    """What a scorer makes of propagated embeddings: losses and derivatives."""

    loss: Tensor  # [C]
    of_users: Tensor  # G [C, d]
    of_own_items: Tensor  # the sum of g_k over a client's own items, [C, d]
    rows: Rows  # g_k / 2, of one draw of the pair
    scorer: ScorerGradients | None


def product_gradients(stars: Stars, halves: GlobalModel, batch: ClientBatch, own: Tensor, loss: Loss) -> PairGradients:
    """Differentiate <u', v'>; `halves` holds v / 2 of all items, own [E] in {0, 1} marks the pairs whose item is the client's own."""
    gained = repeat_each((stars.users * stars.shifts).sum(1), batch.sizes)  # [E]
    scores = segment_products(stars.users, halves.items, batch.offsets, batch.items).addcmul_(own, gained)
    value, derivative = loss(scores, batch)
    of_own = scalar_segment_sum(derivative * own, batch.offsets)[:, None]  # [C, 1]
    of_users = segment_sum(halves.items, batch.items, batch.offsets, derivative).addcmul_(of_own, stars.shifts)
    rows = FactoredRows(derivative / batch.counts, stars.users / 2)
    return PairGradients(value, of_users, of_own * stars.users, rows, None)


def perceptron_gradients(stars: Stars, halves: GlobalModel, batch: ClientBatch, own: Tensor, loss: Loss) -> PairGradients:
    """Differentiate the perceptron of u' and v' by backpropagation; the arguments are those of `product_gradients`."""
    layers = Perceptron.of(halves.scorer)
    of_users, of_items = layers.first(stars.users, halves.items)  # [h, C], [h, M]
    first = of_items.index_select(1, batch.items).add_(repeat_each(of_users, batch.sizes))
    first.addcmul_(own, repeat_each(layers.first_items.T @ stars.shifts.T, batch.sizes))
    value, derivative, outputs, slopes = layers.differentiate(first, batch, loss)
    by_client, by_owner = scalar_segment_sum(slopes[0], batch.offsets), scalar_segment_sum(slopes[0] * own, batch.offsets)  # 2 x [h, C]
    rows = ProjectedRows(slopes[0], batch.counts, layers.first_items.T / 2, batch.items, len(halves.items))
    parts = stars.users, halves.items, batch, outputs, slopes, derivative, by_client, "c" in halves.scorer, rows
    scorer = StarPerceptronGradients(*parts, stars.shifts, by_owner)
    return PairGradients(value, by_client.T @ layers.first_users.T, by_owner.T @ layers.first_items.T, rows, scorer)


@dataclass(frozen=True)
class StarPerceptronGradients(PerceptronGradients):
    """The gradients of the layers; of W_1v the part is added that own items have because they gain from their user."""

    shifts: Tensor  # [C, d]
    by_owner: Tensor  # [h_1, C] s_1 summed over a client's own items

    def total(self) -> Mapping[str, Tensor]:
        gradients = dict(super().total())
        gradients["W1"].chunk(2)[1].add_((self.by_owner @ self.shifts).T)
        return gradients

    def per_client(self) -> Mapping[str, Tensor]:
        gradients = dict(super().per_client())
        gradients["W1"].chunk(2, 1)[1].add_(self.shifts[:, :, None] * self.by_owner.T[:, None])
        return gradients


def through_stars(stars: Stars, batch: ClientBatch, own: Tensor, pairs: PairGradients) -> LocalGradients:
    """Return the gradients of embeddings before propagation."""
    users = pairs.of_users / 2 + stars.weights * pairs.of_own_items
    of_users = FactoredRows(own / batch.counts, stars.weights * pairs.of_users)
    return LocalGradients(pairs.loss, users, (pairs.rows, of_users), pairs.scorer)
