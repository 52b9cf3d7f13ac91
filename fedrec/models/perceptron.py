"""The layers of Eq. (1): forward, backward and their gradients, of all pairs at once.

Values are kept as columns, [width, pairs]: what is added, cut off or multiplied then lies in one row.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Generator, Tensor

from fedrec.interfaces import ClientBatch, ProjectedRows
from fedrec.ragged import scalar_segment_sum


@dataclass(frozen=True)
class Perceptron:
    """The parameters of Eq. (1)."""

    first_users: Tensor  # [d, h], the half of W1 that users meet
    first_items: Tensor  # [d, h]
    biases: Sequence[Tensor]
    others: Sequence[Tensor]  # W_l [before, width] from the second layer on
    projection: Tensor  # h

    @classmethod
    def of(cls, scorer: Mapping[str, Tensor]) -> "Perceptron":
        numbers = range(1, len(scorer) // 2 + 1)
        first, *others = (scorer[f"W{number}"] for number in numbers)
        of_users, of_items = first.chunk(2)
        return cls(of_users, of_items, [scorer[f"b{number}"] for number in numbers], others, scorer["h"])

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
class PerceptronGradients:
    """Gradients of the layers (`uploads.ScorerGradients`), from what each pair put into one and the slope of the loss behind it."""

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


def kaiming_uniform(fan_in: int, width: int, generator: Generator) -> Tensor:
    """He et al., ICCV 2015, for ReLU: uniform on +-sqrt(6 / fan_in), [fan_in, width]."""
    return (2 * torch.rand(fan_in, width, generator=generator) - 1) * math.sqrt(6 / fan_in)


def _through_relu_(slope: Tensor, output: Tensor) -> Tensor:
    """The slope before a ReLU, from that behind it, in place."""
    before: Tensor = torch.ops.aten.threshold_backward.grad_input(slope, output, 0, grad_input=slope)
    return before
