"""The popularity estimator of PipAttack: a classifier from item embeddings to the levels of popularity that the attacker knows."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy, relu

from fedrec.models.perceptron import kaiming_uniform

HIGH, N_LEVELS = 0, 3


class PopularityEstimator:
    """A perceptron with one hidden layer that all malicious clients share; it never trains on the targets. Levels [M] in 0..2, 0 = high."""

    def __init__(self, levels: Tensor, targets: Tensor, size: int, hidden: int, rate: float, steps: int, generator: Generator) -> None:
        self.items = torch.ones_like(levels).index_fill_(0, targets, 0).nonzero().flatten()
        self.levels = levels[self.items]
        first, second = kaiming_uniform(size, hidden, generator), kaiming_uniform(hidden, N_LEVELS, generator)
        drawn = (first, torch.zeros(hidden), second, torch.zeros(N_LEVELS))
        self.parameters = [value.to(levels.device).requires_grad_() for value in drawn]
        self.steps = steps
        self.optimizer = torch.optim.Adam(self.parameters, lr=rate)

    def scores(self, rows: Tensor) -> Tensor:
        """Return the logits of the three levels; [n, d] -> [n, 3]."""
        first, first_bias, second, second_bias = self.parameters
        return relu(rows @ first + first_bias) @ second + second_bias

    def fit(self, items: Tensor) -> None:
        """Train on the item embeddings of the present round, [M, d]."""
        rows = items[self.items]
        with torch.enable_grad():
            for _ in range(self.steps):
                self.optimizer.zero_grad()
                cross_entropy(self.scores(rows), self.levels).backward()
                self.optimizer.step()

    def alignment_gradient(self, targets: Tensor) -> Tensor:
        """Return the gradient of the mean of -log P(high) by the target rows [T, d]."""
        rows = targets.detach().clone().requires_grad_()
        with torch.enable_grad():
            loss = cross_entropy(self.scores(rows), torch.full((len(rows),), HIGH, device=rows.device))
            (gradient,) = torch.autograd.grad(loss, rows)
        return gradient

    def state_dict(self) -> dict[str, Any]:
        return copy.deepcopy({"parameters": [value.detach() for value in self.parameters], "optimizer": self.optimizer.state_dict()})

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for value, stored in zip(self.parameters, state["parameters"], strict=True):
            value.data.copy_(stored)
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
