"""A recommender, and the loss that it is trained on. Gradients follow by automatic differentiation where a model has no closed form."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import torch
from torch import Generator, Tensor
from torch.func import grad, vmap

from fedrec.interfaces.gradient_rows import DenseRows, RowGroup
from fedrec.interfaces.round import ClientBatch, GlobalModel, LocalGradients, OwnItems, gather
from fedrec.interfaces.upload import ScorerGradients
from fedrec.ragged import segment_sum

NUMBERS_AT_ONCE = 2_000_000  # of embeddings held at once while every item is scored


class Loss(Protocol):
    def __call__(self, scores: Tensor, batch: ClientBatch) -> tuple[Tensor, Tensor]:
        """Return the loss of each client [C] and its derivative by each score [E]; scores [E] are logits."""


@dataclass(kw_only=True)
class Model(ABC):
    """A recommender. It needs `initialise`, `score` and a yaml; a model may override the rest with something faster."""

    paper: ClassVar[str] = ""  # short citation, for the catalog

    save: bool = False  # whether the run leaves the model in its folder

    @abstractmethod
    def initialise(self, n_users: int, n_items: int, generator: Generator) -> tuple[Tensor, GlobalModel]:
        """Draw the user embeddings [U, d], which stay with the clients, and the global model."""

    @abstractmethod
    def score(self, users: Tensor, items: Tensor, scorer: Mapping[str, Tensor], own: OwnItems | None = None) -> Tensor:
        """Return Psi(u, v) before its sigmoid, a logit; [..., d], [..., d] -> [...], differentiable.

        MF-FRS: u . v. DL-FRS: h . phi_L(... phi_1(u + v)), where + is concatenation and phi_l(x) = ReLU(W_l x + b_l) (Eq. 1). A model of
        a user's graph also looks at the user's `own` items; None: the users have none, as those whom an attacker makes up.
        """

    def score_all(self, users: Tensor, model: GlobalModel, space: Tensor, own: Tensor | None = None) -> Tensor:
        """Return the score of every item for every user, [M, B], in `space` [M, B] or in memory of its own; users [B, d].

        `own` int64 holds the flat positions in [M, B] of the users' own items, ascending; an item may occur twice. None: there are none.
        """
        size = max(1, NUMBERS_AT_ONCE // users.numel())
        stars = None if own is None else _stars(model.items, own, len(users))
        for start in range(0, len(model.items), size):
            items = slice(start, start + size)
            of_pairs = None if stars is None else replace(stars, holds=stars.holds[items])
            space[items] = self.score(users[None], model.items[items, None], model.scorer, of_pairs)
        return space

    def local_gradients(self, users: Tensor, global_model: GlobalModel, batch: ClientBatch, loss: Loss) -> LocalGradients:
        """Return the gradients of each client's loss; users [C, d] are the clients' embeddings."""
        local = gather(users, global_model, batch)
        parameters = {name: value.detach().clone().requires_grad_() for name, value in global_model.scorer.items()}
        with torch.enable_grad():
            scores = self.score(local.users[batch.segments], local.rows, parameters, batch.own_items(local.rows))  # [E]
            value, derivative = loss(scores.detach(), batch)
            leaves = (local.users, local.rows, *parameters.values())
            user_gradient, rows, *total = torch.autograd.grad(scores, leaves, derivative, materialize_grads=True)
        summed = dict(zip(parameters, total, strict=True))
        scorer = PairwiseScorerGradients(self, users, global_model, batch, derivative, summed) if summed else None
        return LocalGradients(value, user_gradient, (DenseRows(rows / batch.counts[:, None]),), scorer)

    def gradients_of_all(
        self, users: Tensor, global_model: GlobalModel, batch: ClientBatch, loss: Loss
    ) -> tuple[Tensor, Tensor, ScorerGradients | None]:
        """Return the gradients of users [n, d] who have all M items, in the order of their ids: users [n, d], rows [n * M, d], scorer."""
        local = self.local_gradients(users, global_model, batch, loss)
        rows = RowGroup(batch.clients, batch.offsets, batch.items, local.rows).at(slice(None))
        return local.users, rows, local.scorer

    def fit_users(
        self, users: Tensor, items: Tensor, scorer: Mapping[str, Tensor], label: float, learning_rate: float, steps: int
    ) -> Tensor:
        """Return users [n, d] after gradient steps on the mean binary cross-entropy of their scores for items [T, d], all of one label."""
        for _ in range(steps):
            leaf = users.detach().clone().requires_grad_()
            with torch.enable_grad():
                scores = self.score(leaf[:, None], items, scorer)  # [n, T]
            (gradient,) = torch.autograd.grad(scores, leaf, (torch.sigmoid(scores.detach()) - label) / len(items))
            users = users - learning_rate * gradient
        return users


def _stars(items: Tensor, own: Tensor, n_users: int) -> OwnItems:
    """Return what the own items of users 0..B-1 are to each pair, from their flat positions in [M, B]: [1, B, d], [1, B], [M, B]."""
    holds = items.new_zeros(len(items), n_users)
    holds.view(-1)[own] = 1
    return OwnItems((holds.T @ items)[None], holds.sum(0)[None], holds)


@dataclass(frozen=True, slots=True)
class PairwiseScorerGradients:
    """Gradients of the scorer by automatic differentiation; those of each client are made pair by pair."""

    model: Model
    users: Tensor  # [C, d]
    global_model: GlobalModel
    batch: ClientBatch
    derivative: Tensor  # [E] of the loss by each score
    summed: Mapping[str, Tensor]

    def total(self) -> Mapping[str, Tensor]:
        return self.summed

    def per_client(self) -> Mapping[str, Tensor]:
        batch, scorer, pairs = self.batch, dict(self.global_model.scorer), torch.arange(len(self.derivative), device=self.derivative.device)
        if not len(pairs):  # vmap needs one
            return {name: value.new_zeros(len(batch.clients), *value.shape) for name, value in scorer.items()}
        rows = self.global_model.items[batch.items]  # [E, d]
        own = batch.own_items(rows)

        def score(parameters: Mapping[str, Tensor], user: Tensor, row: Tensor, *star: Tensor) -> Tensor:
            return self.model.score(user, row, parameters, OwnItems(*star) if star else None)

        stars = () if own is None else (own.total, own.numbers, own.holds)
        by_pair = vmap(grad(score), in_dims=(None, 0, 0, *(0 for _ in stars)))
        gradients: dict[str, Tensor] = by_pair(scorer, self.users[batch.segments], rows, *stars)  # {name: [E, ...]}
        for name, value in gradients.items():
            flat = value.reshape(len(pairs), math.prod(value.shape[1:]))
            total = segment_sum(flat, pairs, batch.offsets.long(), self.derivative)
            gradients[name] = total.view(-1, *value.shape[1:])
        return gradients
