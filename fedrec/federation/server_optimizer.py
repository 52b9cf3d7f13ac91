"""How the server's step turns the gradient of a round into a change of the global model.

`sgd` is the gradient descent of Sec. III-A. `momentum` and `adam` are those of torch.optim; Yu et al., "Untargeted Attack against Federated
Recommendation Systems via Poisonous Item Embeddings and the Defense", AAAI 2023, step with Adam. As in their code an item that nobody sent
a row for has a gradient of 0. So it stays where it is under `sgd` only; else it goes on with the momentum that it has. So does a parameter
of the scorer without a gradient.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from fedrec.interfaces import Aggregation, GlobalModel

Kind = Literal["sgd", "momentum", "adam"]
EPSILON = 1e-8  # of Adam
ITEMS = ""  # the name of the item matrix, which no parameter of the scorer has


@dataclass
class ServerOptimizer:
    """Remembers, for each tensor of the model, a velocity (`momentum`) or two moments (`adam`)."""

    kind: Kind
    rate: float
    momentum: float = 0.9
    betas: tuple[float, float] = (0.9, 0.999)
    n_steps: int = field(init=False, default=0)
    moments: dict[str, tuple[Tensor, ...]] = field(init=False, default_factory=dict)  # by name, from the first step on

    def changes(self, aggregation: Aggregation, model: GlobalModel) -> tuple[GlobalModel, Tensor | None]:
        """Take a step. Return what is added to the parameters, items [J, d], and the items that this is for, [J]; None: all of them."""
        gradient, touched = aggregation.gradient, aggregation.touched
        if self.kind == "sgd":
            scorer = {name: -self.rate * value for name, value in gradient.scorer.items()}
            return GlobalModel(-self.rate * gradient.items, scorer), touched
        items = gradient.items if touched is None else torch.zeros_like(model.items).index_copy_(0, touched, gradient.items)
        tensors = {ITEMS: items} | {name: gradient.scorer.get(name, torch.zeros_like(value)) for name, value in model.scorer.items()}
        self.n_steps += 1
        self.moments = {name: self._moved(value, self.moments.get(name)) for name, value in tensors.items()}
        changes = {name: self._change(moments, self.n_steps) for name, moments in self.moments.items()}
        return GlobalModel(changes.pop(ITEMS), changes), None

    def change_of(self, items: Tensor, rows: Tensor) -> Tensor:
        """Return how far a step would move items [n] if rows [n, d] were their gradients, [n, d]. No step is taken."""
        if self.kind == "sgd":
            return -self.rate * rows
        before = tuple(moment.index_select(0, items) for moment in self.moments[ITEMS]) if self.moments else None
        return self._change(self._moved(rows, before), self.n_steps + 1)

    def _moved(self, gradient: Tensor, before: tuple[Tensor, ...] | None) -> tuple[Tensor, ...]:
        """Return the moments after a step along a gradient; all were 0 before the first one."""
        zero = torch.zeros_like(gradient)
        if self.kind == "momentum":
            (velocity,) = before or (zero,)
            return (self.momentum * velocity + gradient,)
        (mean, square), (first, second) = before or (zero, zero), self.betas
        return first * mean + (1 - first) * gradient, second * square + (1 - second) * gradient.square()

    def _change(self, moments: tuple[Tensor, ...], n_steps: int) -> Tensor:
        if self.kind == "momentum":
            return -self.rate * moments[0]
        mean, square = moments
        first, second = (1 - beta**n_steps for beta in self.betas)
        return mean.div(square.sqrt().div_(math.sqrt(second)).add_(EPSILON)).mul_(-self.rate / first)

    def state_dict(self) -> dict[str, Any]:
        return {"n_steps": self.n_steps, "moments": dict(self.moments)}  # a step makes new tensors

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.n_steps, self.moments = state["n_steps"], dict(state["moments"])
