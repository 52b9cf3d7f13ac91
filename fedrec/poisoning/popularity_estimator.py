"""The popularity estimator of PipAttack: item embedding -> level of popularity, trained on the levels that the attacker knows."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy, relu

from fedrec.models.perceptron import kaiming_uniform

HIGH = 0
N_LEVELS = 3


class PopularityEstimator:
    """A perceptron with one hidden layer, shared by all malicious clients; levels [M] in 0..2, 0 = high; never trained on the targets."""

    def __init__(
        self, levels: Tensor, targets: Tensor, size: int, hidden: int, learning_rate: float, steps: int, generator: Generator
    ) -> None:
        others = torch.ones(len(levels), dtype=torch.bool, device=levels.device)
        others[targets] = False
        self.items = others.nonzero().flatten()
        self.levels = levels[self.items]
        first, second = kaiming_uniform(size, hidden, generator), kaiming_uniform(hidden, N_LEVELS, generator)
        drawn = (first, torch.zeros(hidden), second, torch.zeros(N_LEVELS))
        self.parameters = [value.to(levels.device).requires_grad_() for value in drawn]
        self.steps = steps
        self.optimizer = torch.optim.Adam(self.parameters, lr=learning_rate)

    def scores(self, rows: Tensor) -> Tensor:
        """Logits of the three levels; [n, d] -> [n, 3]."""
        first, first_bias, second, second_bias = self.parameters
        return relu(rows @ first + first_bias) @ second + second_bias

    def fit(self, items: Tensor) -> None:
        """Train on the embeddings of the present round, [M, d]."""
        rows = items[self.items]
        with torch.enable_grad():
            for _ in range(self.steps):
                self.optimizer.zero_grad()
                cross_entropy(self.scores(rows), self.levels).backward()
                self.optimizer.step()

    def alignment_gradient(self, targets: Tensor) -> Tensor:
        """Gradient by target rows [T, d] of the mean of -log P(high)."""
        rows = targets.detach().clone().requires_grad_()
        with torch.enable_grad():
            loss = cross_entropy(self.scores(rows), torch.full((len(rows),), HIGH, device=rows.device))
            (gradient,) = torch.autograd.grad(loss, rows)
        return gradient

    def state_dict(self) -> dict[str, Any]:
        parameters = [value.detach().clone() for value in self.parameters]
        return {"parameters": parameters, "optimizer": copy.deepcopy(self.optimizer.state_dict())}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for value, stored in zip(self.parameters, state["parameters"], strict=True):
            value.data.copy_(stored)
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
