"""Neural collaborative filtering, the base model of DL-FRS: Eq. (1), a multi-layer perceptron over both embeddings.

He et al., "Neural Collaborative Filtering", WWW 2017. The first layer acts on both halves of its input alone, W_1 (u + v) = W_1u u +
W_1v v. So each user and each item passes it once, however many pairs they make.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor
from torch.nn.functional import relu

from fedrec.interfaces import ClientBatch, GlobalModel, LocalGradients, Loss, Model, OwnItems, Positive, ProjectedRows, Rate
from fedrec.models.perceptron import Perceptron, PerceptronGradients, UserDescent, kaiming_uniform
from fedrec.ragged import on_gpu, repeat_each, scalar_segment_sum

NUMBERS_AT_ONCE = 250_000  # of a layer's output while every item is scored: they stay in the cache


@dataclass(kw_only=True)
class NeuralCollaborativeFiltering(Model):
    """Embeddings of size `dim`, drawn from N(0, init_std^2); hidden layers of the widths `layers`, weights Kaiming-uniform, biases 0."""

    paper: ClassVar[str] = "He et al., WWW 2017"

    dim: Positive
    init_std: Rate
    layers: Annotated[list[Positive], Field(min_length=1)]
    output_bias: bool

    def initialise(self, n_users: int, n_items: int, generator: Generator) -> tuple[Tensor, GlobalModel]:
        users = torch.randn(n_users, self.dim, generator=generator).mul_(self.init_std)
        items = torch.randn(n_items, self.dim, generator=generator).mul_(self.init_std)
        scorer: dict[str, Tensor] = {}
        for number, (before, width) in enumerate(pairwise([2 * self.dim, *self.layers]), 1):
            scorer |= {f"W{number}": kaiming_uniform(before, width, generator), f"b{number}": torch.zeros(width)}
        scorer["h"] = kaiming_uniform(self.layers[-1], 1, generator)[:, 0]
        return users, GlobalModel(items, scorer | ({"c": torch.zeros(1)} if self.output_bias else {}))

    def score(self, users: Tensor, items: Tensor, scorer: Mapping[str, Tensor], own: OwnItems | None = None) -> Tensor:
        """Psi(u, v) before its sigmoid, Eq. (1): h . phi_L(... phi_1(u + v)) + c, phi_l(x) = ReLU(W_l x + b_l); u + v is concatenation."""
        layers = Perceptron.of(scorer)
        hidden = relu(users @ layers.first_users + items @ layers.first_items + layers.biases[0])
        for weight, bias in zip(layers.others, layers.biases[1:], strict=True):
            hidden = relu(hidden @ weight + bias)
        return hidden @ layers.projection + layers.output_bias[0]

    def score_all(self, users: Tensor, model: GlobalModel, space: Tensor, own: Tensor | None = None) -> Tensor:
        layers = Perceptron.of(model.scorer)
        of_users, of_items = layers.first(users, model.items)  # [h, B], [h, M]
        size = max(1, NUMBERS_AT_ONCE // (len(users) * max(self.layers)))
        for start in range(0, len(model.items), size):
            rows = slice(start, start + size)
            first = (of_items[:, rows, None] + of_users[:, None]).flatten(1)  # [h, m * B]
            torch.addmv(layers.output_bias, layers.forward(first)[-1].T, layers.projection, out=space[rows].view(-1))
        return space

    def local_gradients(self, users: Tensor, global_model: GlobalModel, batch: ClientBatch, loss: Loss) -> LocalGradients:
        """Closed form: the backpropagation of `fedrec.models.perceptron`, of all pairs of all clients at once."""
        layers = Perceptron.of(global_model.scorer)
        of_users, of_items = layers.first(users, global_model.items)  # [h, C], [h, M]
        first = of_items.index_select(1, batch.items).add_(repeat_each(of_users, batch.sizes))
        value, derivative, outputs, slopes = layers.differentiate(first, batch, loss)
        rows = ProjectedRows(slopes[0], batch.counts, layers.first_items.T, batch.items, len(global_model.items))
        by_client = scalar_segment_sum(slopes[0], batch.offsets)  # [h, C]
        scorer = PerceptronGradients(users, global_model.items, batch, outputs, slopes, derivative, by_client, self.output_bias, rows)
        return LocalGradients(value, by_client.T @ layers.first_users.T, (rows,), scorer)

    def fit_users(
        self, users: Tensor, items: Tensor, scorer: Mapping[str, Tensor], label: float, learning_rate: float, steps: int
    ) -> Tensor:
        if on_gpu(users):
            return super().fit_users(users, items, scorer, label, learning_rate, steps)
        descent = UserDescent(users, items, scorer, label, learning_rate)
        for _ in range(steps):
            descent.forward()
            descent.backward()
        return torch.from_numpy(descent.users.T)
