"""The perceptron of Eq. (1): forward, backward and the gradients of its layers, for all n pairs of users and items at once.

    forward     z_1 = ReLU(W_1u' u + W_1v' v + b_1)    z_l = ReLU(W_l' z_(l-1) + b_l)    score = h . z_L + c
    backward    s_L = h e * [z_L > 0]                  s_(l-1) = W_l s_l * [z_(l-1) > 0]
    gradients   h: z_L e'    c: e    W_l: z_(l-1) s_l'    b_l: s_l    u: W_1u s_1    v: W_1v s_1

z_l is the output of layer l, e the derivative of the loss by the score, and s_l by what layer l passes to its ReLU. Pairs are columns,
[width, n]: what is added, cut off or multiplied then lies in one row.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.special import expit
from torch import Generator, Tensor

from fedrec.interfaces import ClientBatch, Loss, ProjectedRows
from fedrec.ragged import scalar_segment_sum


@dataclass(frozen=True)
class Perceptron:
    """The parameters of Eq. (1)."""

    first_users: Tensor  # W_1u [d, h_1], the half of W_1 that users meet
    first_items: Tensor  # W_1v [d, h_1]
    biases: Sequence[Tensor]  # b_l [h_l]
    others: Sequence[Tensor]  # W_l [h_(l-1), h_l] from the second layer on
    projection: Tensor  # h [h_L]
    output_bias: Tensor  # c [1]; 0 in a model without one

    @classmethod
    def of(cls, scorer: Mapping[str, Tensor]) -> "Perceptron":
        numbers = range(1, (len(scorer) + 1) // 2)
        first, *others = (scorer[f"W{number}"] for number in numbers)
        of_users, of_items = first.chunk(2)
        return cls(
            of_users, of_items, [scorer[f"b{number}"] for number in numbers], others, scorer["h"], scorer.get("c", scorer["h"].new_zeros(1))
        )

    def first(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return W_1u' u + b_1 [h_1, C] of every user and W_1v' v [h_1, M] of every item; users [C, d], items [M, d]."""
        return torch.addmm(self.biases[0][:, None], self.first_users.T, users.T), self.first_items.T @ items.T

    def forward(self, first: Tensor) -> list[Tensor]:
        """Return the outputs z_l [h_l, n] of all layers; `first` [h_1, n], what layer 1 passes to its ReLU, is overwritten."""
        outputs = [first.relu_()]
        for weight, bias in zip(self.others, self.biases[1:], strict=True):
            outputs.append(torch.addmm(bias[:, None], weight.T, outputs[-1]).relu_())
        return outputs

    def backward(self, derivative: Tensor, outputs: Sequence[Tensor]) -> list[Tensor]:
        """Return the slopes s_l [h_l, n] of all layers from the derivative e [n]."""
        slopes = [_through_relu_(self.projection[:, None] * derivative, outputs[-1])]
        for weight, output in zip(reversed(self.others), reversed(outputs[:-1]), strict=True):
            slopes.append(_through_relu_(weight @ slopes[-1], output))
        return slopes[::-1]

    def differentiate(self, first: Tensor, batch: ClientBatch, loss: Loss) -> tuple[Tensor, Tensor, list[Tensor], list[Tensor]]:
        """Return the losses [C], e [E], the outputs z_l and the slopes s_l of all pairs; `first` [h_1, E] is overwritten."""
        outputs = self.forward(first)
        bias = self.output_bias.expand(first.shape[1])  # addmv would make one score of no pairs out of [1]
        value, derivative = loss(torch.addmv(bias, outputs[-1].T, self.projection), batch)
        return value, derivative, outputs, self.backward(derivative, outputs)


@dataclass(frozen=True)
class PerceptronGradients:
    """The gradients of the layers (`ScorerGradients`), made from the outputs and slopes of a round's E pairs."""

    users: Tensor  # [C, d]
    items: Tensor  # [M, d]
    batch: ClientBatch
    outputs: Sequence[Tensor]  # z_l [h_l, E]
    slopes: Sequence[Tensor]  # s_l [h_l, E]
    derivative: Tensor  # e [E]
    by_client: Tensor  # [h_1, C] s_1 summed by client
    output_bias: bool  # whether the model has c
    rows: ProjectedRows  # s_1, to be summed by item

    def total(self) -> Mapping[str, Tensor]:
        """Return the sums over the clients; the first layer is summed by user and by item, not by pair."""
        halves = (self.by_client @ self.users).T, (self.rows.column_sums @ self.items).T
        gradients = {"W1": torch.cat(halves), "b1": self.by_client.sum(1)}
        for number, (before, slope) in enumerate(zip(self.outputs, self.slopes[1:], strict=False), 2):
            gradients |= {f"W{number}": before @ slope.T, f"b{number}": slope.sum(1)}
        return gradients | {"h": self.outputs[-1] @ self.derivative} | ({"c": self.derivative.sum()[None]} if self.output_bias else {})

    def per_client(self) -> Mapping[str, Tensor]:
        """Return the gradients of each client, {name: [C, ...]}."""
        rows = self.items.T.index_select(1, self.batch.items)  # [d, E]
        halves = self.users[:, :, None] * self.by_client.T[:, None], self._outer(rows, self.slopes[0])
        gradients = {"W1": torch.cat(halves, 1), "b1": self.by_client.T}
        for number, (before, slope) in enumerate(zip(self.outputs, self.slopes[1:], strict=False), 2):
            gradients |= {f"W{number}": self._outer(before, slope), f"b{number}": self._sum(slope)}
        gradients["h"] = self._sum(self.outputs[-1] * self.derivative)
        return gradients | ({"c": self._sum(self.derivative[None])} if self.output_bias else {})

    def _outer(self, before: Tensor, slope: Tensor) -> Tensor:
        """Return the sum of before x slope over each client's pairs; [p, E], [q, E] -> [C, p, q]."""
        if self._equal_sizes:
            before, slope = (part.unflatten(1, (len(self.users), -1)).transpose(0, 1) for part in (before, slope))  # [C, p or q, L]
            return before @ slope.transpose(1, 2)
        return torch.stack([self._sum(row * slope) for row in before], 1)

    def _sum(self, values: Tensor) -> Tensor:
        """Return the sum over each client's pairs; [q, E] -> [C, q]."""
        if self._equal_sizes:
            by_client: Tensor = values.unflatten(1, (len(self.users), -1))
            return by_client.sum(2).T
        return scalar_segment_sum(values, self.batch.offsets).T

    @cached_property
    def _equal_sizes(self) -> bool:
        """Whether all clients have equally many pairs, as users have whom an attacker makes up."""
        sizes = self.batch.sizes
        return len(sizes) > 0 and bool((sizes == sizes[0]).all())


class UserDescent:
    """Users [d, B] that descend the mean binary cross-entropy of their scores for T items, all with one label.

    The steps are so small that calls, not numbers, take the time. NumPy's calls cost a third of torch's, into memory that is kept.
    """

    def __init__(self, users: Tensor, items: Tensor, scorer: Mapping[str, Tensor], label: float, learning_rate: float) -> None:
        layers, (n, n_items), kind = Perceptron.of(scorer), (len(users), len(items)), users.numpy().dtype
        biases = [bias.numpy()[:, None] for bias in layers.biases]
        weights = [weight.numpy() for weight in layers.others]
        self.users, self.label, self.n_items = users.numpy().T.copy(), label, n_items
        self.projection, self.output_bias = layers.projection.numpy()[None], float(layers.output_bias)  # [1, h_L], c
        self.into = layers.first_users.numpy().T.copy()  # [h, d]
        self.back = layers.first_users.numpy() * (-learning_rate / n_items)  # [d, h]
        self.of_items = (layers.first_items.numpy().T @ items.numpy().T + biases[0])[:, None]  # [h, 1, T]
        self.outputs, self.slopes, self.signs = ([np.empty((len(bias), n * n_items), kind) for bias in biases] for _ in range(3))
        self.by_user, self.derivative = np.empty((len(biases[0]), n), kind), np.empty((1, n * n_items), kind)
        self.of_users = self.by_user[:, :, None]
        self.first, self.first_slopes = (part[0].reshape(len(part[0]), n, n_items) for part in (self.outputs, self.slopes))  # [h, n, T]
        self.upwards = list(zip(weights, biases[1:], self.outputs, self.outputs[1:], strict=False))
        self.downwards = list(zip(weights, self.outputs[1:], self.signs[1:], self.slopes[1:], self.slopes, strict=False))[::-1]

    def forward(self) -> None:
        """Compute z_1 = ReLU(W_1u' u + W_1v' v + b_1), z_l = ReLU(W_l' z_(l-1) + b_l), and sigmoid(h . z_L + c) - label."""
        np.matmul(self.into, self.users, out=self.by_user)
        np.maximum(np.add(self.of_users, self.of_items, out=self.first), 0, out=self.first)
        for weight, bias, before, output in self.upwards:
            np.maximum(np.add(np.matmul(weight.T, before, out=output), bias, out=output), 0, out=output)
        np.matmul(self.projection, self.outputs[-1], out=self.derivative)
        if self.output_bias:
            np.add(self.derivative, self.output_bias, out=self.derivative)
        expit(self.derivative, out=self.derivative)
        if self.label:
            np.subtract(self.derivative, self.label, out=self.derivative)

    def backward(self) -> None:
        """Compute s_L = h e * [z_L > 0], s_(l-1) = W_l s_l * [z_(l-1) > 0], and step along -W_1u s_1, summed over the items."""
        np.multiply(self.projection.T, self.derivative, out=self.slopes[-1])
        for weight, output, sign, slope, before in self.downwards:
            np.matmul(weight, np.multiply(slope, np.sign(output, out=sign), out=slope), out=before)
        slope = np.multiply(self.slopes[0], np.sign(self.outputs[0], out=self.signs[0]), out=self.slopes[0])
        if self.n_items > 1:
            slope = np.add.reduce(self.first_slopes, axis=2, out=self.by_user)
        self.users += self.back @ slope


def kaiming_uniform(fan_in: int, width: int, generator: Generator) -> Tensor:
    """Draw uniform weights in +-sqrt(6 / fan_in), [fan_in, width], for layers with ReLU (He et al., ICCV 2015)."""
    return (2 * torch.rand(fan_in, width, generator=generator) - 1) * math.sqrt(6 / fan_in)


def _through_relu_(slope: Tensor, output: Tensor) -> Tensor:
    """Turn the slope behind a ReLU into the slope before it, in place: slope * [output > 0]."""
    before: Tensor = torch.ops.aten.threshold_backward.grad_input(slope, output, 0, grad_input=slope)
    return before
