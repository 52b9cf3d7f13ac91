"""Neural collaborative filtering, the base model of DL-FRS: Eq. (1), a multi-layer perceptron over both embeddings.

He et al., "Neural Collaborative Filtering", WWW 2017. Psi = sigmoid(h . phi_L(... phi_1(u + v))), + being concatenation and phi_l(x) =
ReLU(W_l x + b_l); `score` is what the sigmoid is taken of. The first layer acts on both halves of its input alone, W_1 (u + v) =
W_1u u + W_1v v, so each user and each item passes it once, however many pairs they make.

Inside this file layers are kept as columns, [width, pairs]: what is added, cut off or multiplied then lies in one row.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field
from scipy.special import expit
from torch import Generator, Tensor
from torch.nn.functional import relu

from fedrec.interfaces import ClientBatch, GlobalModel, LocalGradients, Loss, Model, Positive, Rate
from fedrec.segments import on_gpu, repeat_each, scalar_segment_sum
from fedrec.uploads import ProjectedRows

NUMBERS_AT_ONCE = 250_000  # of a layer's output while every item is scored: they stay in the cache


@dataclass(kw_only=True)
class NeuralCollaborativeFiltering(Model):
    """Embeddings of size `dim`, drawn from N(0, init_std^2); hidden layers of the widths `layers`, weights Kaiming-uniform, biases 0."""

    paper: ClassVar[str] = "He et al., WWW 2017"

    dim: Positive
    init_std: Rate
    layers: Annotated[list[Positive], Field(min_length=1)]

    def initialise(self, n_users: int, n_items: int, generator: Generator) -> tuple[Tensor, GlobalModel]:
        users = torch.randn(n_users, self.dim, generator=generator) * self.init_std
        items = torch.randn(n_items, self.dim, generator=generator) * self.init_std
        interaction: dict[str, Tensor] = {}
        for number, (before, width) in enumerate(pairwise([2 * self.dim, *self.layers]), 1):
            interaction |= {f"W{number}": _kaiming(before, width, generator), f"b{number}": torch.zeros(width)}
        return users, GlobalModel(items, interaction | {"h": _kaiming(self.layers[-1], 1, generator)[:, 0]})

    def score(self, users: Tensor, items: Tensor, interaction: Mapping[str, Tensor]) -> Tensor:
        layers = _Layers.of(interaction)
        hidden = relu(users @ layers.first_users + items @ layers.first_items + layers.biases[0])
        for weight, bias in zip(layers.others, layers.biases[1:], strict=True):
            hidden = relu(hidden @ weight + bias)
        return hidden @ layers.projection

    def score_all(self, users: Tensor, model: GlobalModel, out: Tensor) -> None:
        layers = _Layers.of(model.interaction)
        of_users, of_items = layers.first(users, model.items)  # [h, B], [h, M]
        n_users = users.shape[0]
        for items in torch.arange(len(model.items)).split(max(1, NUMBERS_AT_ONCE // (n_users * max(self.layers)))):
            rows = slice(int(items[0]), int(items[-1]) + 1)
            first = (of_items[:, rows, None] + of_users[:, None]).flatten(1)  # [h, m * B]
            torch.mv(layers.forward(first)[-1].T, layers.projection, out=out[rows].view(-1))

    def local_gradients(self, users: Tensor, received: GlobalModel, batch: ClientBatch, loss: Loss) -> LocalGradients:
        """Closed form: backpropagation by hand, of all pairs of all clients at once."""
        layers = _Layers.of(received.interaction)
        of_users, of_items = layers.first(users, received.items)  # [h, C], [h, M]
        hidden = layers.forward(of_items.index_select(1, batch.items).add_(repeat_each(of_users, batch.sizes)))
        value, derivative = loss(torch.mv(hidden[-1].T, layers.projection), batch)
        slopes = layers.backward(derivative, hidden)
        rows = ProjectedRows(slopes[0], layers.first_items.T, batch.items, len(received.items))
        by_client = scalar_segment_sum(slopes[0], batch.offsets)  # [h, C]
        interaction = NCFInteraction(users, received.items, batch, hidden, slopes, derivative, by_client, rows)
        return LocalGradients(value, by_client.T @ layers.first_users.T, (rows,), interaction)

    def fit_users(
        self, users: Tensor, items: Tensor, interaction: Mapping[str, Tensor], label: float, learning_rate: float, steps: int
    ) -> Tensor:
        """Steps so small that calls, not numbers, take the time: on the CPU NumPy's, which cost a third, into memory that is kept."""
        if on_gpu(users):
            return super().fit_users(users, items, interaction, label, learning_rate, steps)
        numbers = range(1, len(self.layers) + 1)
        first, *weights = (interaction[f"W{number}"].numpy() for number in numbers)
        bias, *biases = (interaction[f"b{number}"].numpy()[:, None] for number in numbers)
        projection, n_users, n_items = interaction["h"].numpy()[None], len(users), len(items)
        towards, of_items = first[: self.dim].T.copy(), first[self.dim :].T @ items.numpy().T + bias  # [h, d], [h, T]
        back = first[: self.dim] * (-learning_rate / n_items)  # [d, h]
        moved = users.numpy().T.copy()  # [d, n]
        hidden, slopes, signs = ([np.empty((width, n_users * n_items), moved.dtype) for width in self.layers] for _ in range(3))
        by_user, step = np.empty((self.layers[0], n_users), moved.dtype), np.empty_like(moved)
        first_of_pairs, slope_of_pairs = (part[0].reshape(self.layers[0], n_users, n_items) for part in (hidden, slopes))
        of_users, of_items = by_user[:, :, None], of_items[:, None]
        derivative = np.empty_like(hidden[-1][:1])
        upwards = list(zip(weights, biases, hidden, hidden[1:], strict=False))
        downwards = list(zip(weights, hidden[1:], signs[1:], slopes[1:], slopes, strict=False))[::-1]
        for _ in range(steps):
            np.matmul(towards, moved, out=by_user)
            np.maximum(np.add(of_users, of_items, out=first_of_pairs), 0, out=first_of_pairs)
            for weight, bias, before, output in upwards:
                np.maximum(np.add(np.matmul(weight.T, before, out=output), bias, out=output), 0, out=output)
            expit(np.matmul(projection, hidden[-1], out=derivative), out=derivative)
            if label:
                np.subtract(derivative, label, out=derivative)
            np.multiply(projection.T, derivative, out=slopes[-1])
            for weight, output, sign, slope, before in downwards:
                np.matmul(weight, np.multiply(slope, np.sign(output, out=sign), out=slope), out=before)
            np.multiply(slopes[0], np.sign(hidden[0], out=signs[0]), out=slopes[0])
            slope = slopes[0] if n_items == 1 else np.add.reduce(slope_of_pairs, axis=2, out=by_user)
            np.add(moved, np.matmul(back, slope, out=step), out=moved)
        return torch.from_numpy(moved.T)


@dataclass(frozen=True)
class _Layers:
    """The parameters of Eq. (1)."""

    first_users: Tensor  # [d, h], the half of W1 that users meet
    first_items: Tensor  # [d, h]
    biases: Sequence[Tensor]
    others: Sequence[Tensor]  # W_l [before, width] from the second layer on
    projection: Tensor  # h

    @classmethod
    def of(cls, interaction: Mapping[str, Tensor]) -> "_Layers":
        numbers = range(1, len(interaction) // 2 + 1)
        first, *others = (interaction[f"W{number}"] for number in numbers)
        of_users, of_items = first.chunk(2)
        return cls(of_users, of_items, [interaction[f"b{number}"] for number in numbers], others, interaction["h"])

    def first(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Both halves of the first layer before their ReLU, bias with the users; [C, d], [M, d] -> [h, C], [h, M]."""
        return torch.addmm(self.biases[0][:, None], self.first_users.T, users.T), self.first_items.T @ items.T

    def forward(self, first: Tensor) -> list[Tensor]:
        """Outputs of all layers [h_l, n], from the first one's before its ReLU, which is overwritten."""
        hidden = [first.relu_()]
        for weight, bias in zip(self.others, self.biases[1:], strict=True):
            hidden.append(torch.addmm(bias[:, None], weight.T, hidden[-1]).relu_())
        return hidden

    def backward(self, derivative: Tensor, hidden: Sequence[Tensor]) -> list[Tensor]:
        """Slopes [h_l, n] of the loss by all layers' outputs before their ReLU, from that by the scores [n]."""
        slopes = [_through_relu_(self.projection[:, None] * derivative, hidden[-1])]
        for weight, output in zip(reversed(self.others), reversed(hidden[:-1]), strict=True):
            slopes.append(_through_relu_(weight @ slopes[-1], output))
        return slopes[::-1]


@dataclass(frozen=True)
class NCFInteraction:
    """Gradients of the layers, from what each pair put into a layer and the slope of the loss behind it."""

    users: Tensor  # [C, d]
    items: Tensor  # [M, d]
    batch: ClientBatch
    hidden: Sequence[Tensor]  # [h_l, E] outputs of each layer
    slopes: Sequence[Tensor]  # [h_l, E] of the loss by each layer's output before its ReLU
    derivative: Tensor  # [E] of the loss by each score
    by_client: Tensor  # [h, C]: slopes of the first layer, summed by client
    rows: ProjectedRows  # the same, to be summed by item

    def total(self) -> Mapping[str, Tensor]:
        """Summed over the clients; the first layer by user and by item, not by pair."""
        halves = (self.by_client @ self.users).T, (self.rows.column_sums @ self.items).T
        gradients = {"W1": torch.cat(halves), "b1": self.by_client.sum(1)}
        for number, (before, slope) in enumerate(zip(self.hidden, self.slopes[1:], strict=False), 2):
            gradients |= {f"W{number}": before @ slope.T, f"b{number}": slope.sum(1)}
        return gradients | {"h": self.hidden[-1] @ self.derivative}

    def per_client(self) -> Mapping[str, Tensor]:
        """Of each client, {name: [C, ...]}."""
        rows = self.items.T.index_select(1, self.batch.items)  # [d, E]
        halves = self.users[:, :, None] * self.by_client.T[:, None], self._outer(rows, self.slopes[0])
        gradients = {"W1": torch.cat(halves, 1), "b1": self.by_client.T}
        for number, (before, slope) in enumerate(zip(self.hidden, self.slopes[1:], strict=False), 2):
            gradients |= {f"W{number}": self._outer(before, slope), f"b{number}": self._sum(slope)}
        return gradients | {"h": self._sum(self.hidden[-1] * self.derivative)}

    def _outer(self, before: Tensor, slope: Tensor) -> Tensor:
        """Sum over each client's pairs of before x slope; [p, E], [q, E] -> [C, p, q]."""
        if self._equal_sizes:
            before, slope = (part.unflatten(1, (len(self.users), -1)).transpose(0, 1) for part in (before, slope))  # [C, p or q, L]
            return before @ slope.transpose(1, 2)
        return torch.stack([self._sum(row * slope) for row in before], 1)

    def _sum(self, values: Tensor) -> Tensor:
        """Summed over each client's pairs; [q, E] -> [C, q]."""
        if self._equal_sizes:
            by_client: Tensor = values.unflatten(1, (len(self.users), -1))
            return by_client.sum(2).T
        return scalar_segment_sum(values, self.batch.offsets).T

    @cached_property
    def _equal_sizes(self) -> bool:
        """Whether all clients have equally many pairs, as an attacker's fake users have."""
        sizes = self.batch.sizes
        return len(sizes) > 0 and bool((sizes == sizes[0]).all())


def _kaiming(fan_in: int, width: int, generator: Generator) -> Tensor:
    """He et al., ICCV 2015, for ReLU: uniform on +-sqrt(6 / fan_in), [fan_in, width]."""
    return (2 * torch.rand(fan_in, width, generator=generator) - 1) * math.sqrt(6 / fan_in)


def _through_relu_(slope: Tensor, output: Tensor) -> Tensor:
    """The slope before a ReLU, from that behind it, in place."""
    before: Tensor = torch.ops.aten.threshold_backward.grad_input(slope, output, 0, grad_input=slope)
    return before
