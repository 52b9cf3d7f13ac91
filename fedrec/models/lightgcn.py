"""Fed-LightGCN: every client propagates embeddings over the graph that it knows, a star of itself and its own items.

He et al., "LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation", SIGIR 2020; federated as the second model of
Yuan et al., "Manipulating Federated Recommender Systems: Poisoning with Synthetic Users and Its Countermeasures", SIGIR 2023. One layer
is propagated, and the layers 0 and 1 are averaged (`fedrec.models.star_graph`). The score is the product of both embeddings as in
LightGCN, or a perceptron over them as in the second paper (`scorer`). Its last layer has a bias.

The own items are the positives of D_i, each once. Gradients flow through the propagation to the rows of own items, which the client
uploads anyway. Users whom an attacker makes up have none, unless it makes up what they have interacted with (`poisoning/fake_users.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from fedrec.interfaces import ClientBatch, GlobalModel, LocalGradients, Loss, Model, OwnItems, Positive, Rate, ScorerGradients
from fedrec.models.mf import MatrixFactorization
from fedrec.models.ncf import NUMBERS_AT_ONCE, NeuralCollaborativeFiltering
from fedrec.models.perceptron import Perceptron
from fedrec.models.star_graph import Stars, perceptron_gradients, product_gradients, through_stars
from fedrec.ragged import scalar_segment_sum, scatter_sum, segment_sum


@dataclass(kw_only=True)
class LightGCN(Model):
    """Embeddings of size `dim`, drawn from N(0, init_std^2); `layers` are the widths of the perceptron's hidden layers."""

    paper = "He et al., SIGIR 2020; federated: Yuan et al., SIGIR 2023"

    dim: Positive
    init_std: Rate
    scorer: Literal["product", "mlp"]
    layers: Annotated[list[Positive], Field(min_length=1)]
    base: Model = field(init=False, repr=False)  # what scores propagated embeddings

    def __post_init__(self) -> None:
        if self.scorer == "product":
            self.base = MatrixFactorization(dim=self.dim, init_std=self.init_std)
        else:
            self.base = NeuralCollaborativeFiltering(dim=self.dim, init_std=self.init_std, layers=self.layers, output_bias=True)

    def initialise(self, n_users: int, n_items: int, generator: Generator) -> tuple[Tensor, GlobalModel]:
        return self.base.initialise(n_users, n_items, generator)

    def score(self, users: Tensor, items: Tensor, scorer: Mapping[str, Tensor], own: OwnItems | None = None) -> Tensor:
        if own is None:
            return self.base.score(users / 2, items / 2, scorer)
        stars = Stars.of(users, own.total, own.numbers)
        return self.base.score(stars.users, stars.items(items / 2, own.holds), scorer)

    def score_all(self, users: Tensor, model: GlobalModel, space: Tensor, own: Tensor | None = None) -> Tensor:
        """Score all pairs as if no item were the user's own, and then correct those of own items."""
        halves = GlobalModel(model.items / 2, model.scorer)
        if own is None:
            return self.base.score_all(users / 2, halves, space)
        own = own.unique_consecutive()
        items, owners = own // len(users), own % len(users)
        n_owners = torch.bincount(items, minlength=len(model.items))  # [M]
        offsets = torch.cat([n_owners.new_zeros(1), n_owners.cumsum(0)]).int()
        total = scatter_sum(users.new_ones(len(own)), model.items, offsets, owners.int(), len(users))  # [B, d]
        stars = Stars.of(users, total, torch.bincount(owners, minlength=len(users)).to(users.dtype))
        scores = self.base.score_all(stars.users, halves, space)
        if self.scorer == "product":
            gained = (stars.users * stars.shifts).sum(1)  # [B]: all own items of a user gain as much
            scores.view(-1).index_add_(0, own, gained.index_select(0, owners))
            return scores
        layers = Perceptron.of(model.scorer)
        of_users, of_items = layers.first(stars.users, halves.items)  # [h, B], [h, M]
        of_users += layers.first_items.T @ stars.shifts.T  # so that an own item, too, passes the first layer once
        size = max(1, NUMBERS_AT_ONCE // max(self.layers))
        for start in range(0, len(own), size):
            part = slice(start, start + size)
            first = of_items.index_select(1, items[part]).add_(of_users.index_select(1, owners[part]))
            bias = layers.output_bias.expand(first.shape[1])
            scores.view(-1)[own[part]] = torch.addmv(bias, layers.forward(first)[-1].T, layers.projection)
        return scores

    def local_gradients(self, users: Tensor, global_model: GlobalModel, batch: ClientBatch, loss: Loss) -> LocalGradients:
        """Closed form: that of the scorer, and from there through the propagation."""
        own = batch.labels if batch.positives_are_own else torch.zeros_like(batch.labels)  # [E]
        total = segment_sum(global_model.items, batch.items, batch.offsets, own)  # [C, d]
        stars = Stars.of(users, total, scalar_segment_sum(own, batch.offsets))
        halves = GlobalModel(global_model.items / 2, global_model.scorer)
        differentiate = product_gradients if self.scorer == "product" else perceptron_gradients
        return through_stars(stars, batch, own, differentiate(stars, halves, batch, own, loss))

    def gradients_of_all(
        self, users: Tensor, global_model: GlobalModel, batch: ClientBatch, loss: Loss
    ) -> tuple[Tensor, Tensor, ScorerGradients | None]:
        if batch.positives_are_own:
            return super().gradients_of_all(users, global_model, batch, loss)
        halves = GlobalModel(global_model.items / 2, global_model.scorer)
        of_users, rows, scorer = self.base.gradients_of_all(users / 2, halves, batch, loss)
        return of_users / 2, rows / 2, scorer

    def fit_users(
        self, users: Tensor, items: Tensor, scorer: Mapping[str, Tensor], label: float, learning_rate: float, steps: int
    ) -> Tensor:
        """A step of u is two steps of u / 2, whose slope is twice that of u: the base takes a quarter of the rate."""
        return 2 * self.base.fit_users(users / 2, items / 2, scorer, label, learning_rate / 4, steps)
