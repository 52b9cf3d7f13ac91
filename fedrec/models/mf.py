"""Matrix factorisation, the base model of MF-FRS (Sec. III-A).

Rendle et al., UAI 2009, as used in federated recommendation by Ammad-ud-din et al., 2019.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from fedrec.interfaces import ClientBatch, FactoredRows, GlobalModel, LocalGradients, Loss, Model, Positive, Rate
from fedrec.ragged import segment_products, segment_sum


@dataclass(kw_only=True)
class MatrixFactorization(Model):
    """Embeddings of size `dim`, drawn from N(0, init_std^2)."""

    paper = "Rendle et al., UAI 2009; federated: Ammad-ud-din et al., 2019"

    dim: Positive
    init_std: Rate

    def initialise(self, n_users: int, n_items: int, generator: Generator) -> tuple[Tensor, GlobalModel]:
        users = torch.randn(n_users, self.dim, generator=generator).mul_(self.init_std)
        return users, GlobalModel(torch.randn(n_items, self.dim, generator=generator).mul_(self.init_std))

    def score(self, users: Tensor, items: Tensor, scorer: Mapping[str, Tensor]) -> Tensor:
        """Psi(u, v) before its sigmoid: u . v (Sec. III-A)."""
        return (users * items).sum(-1)

    def score_all(self, users: Tensor, model: GlobalModel, out: Tensor) -> None:
        torch.mm(model.items, users.T, out=out)

    def local_gradients(self, users: Tensor, global_model: GlobalModel, batch: ClientBatch, loss: Loss) -> LocalGradients:
        """Closed form: every row that a client uploads is a number times its user embedding."""
        scores = segment_products(users, global_model.items, batch.offsets, batch.items)  # [E]
        value, derivative = loss(scores, batch)
        user_gradient = segment_sum(global_model.items, batch.items, batch.offsets, derivative)  # [C, d]
        return LocalGradients(value, user_gradient, (FactoredRows(derivative / batch.counts, users),))

    def fit_users(
        self, users: Tensor, items: Tensor, scorer: Mapping[str, Tensor], label: float, learning_rate: float, steps: int
    ) -> Tensor:
        """A user only moves along the items, so the scores follow from the items' products with each other."""
        scores, products = users @ items.T, items @ items.T * (learning_rate / len(items))  # [n, T], [T, T]
        slopes, total = torch.empty_like(scores), torch.zeros_like(scores)
        for _ in range(steps):
            torch.sigmoid(scores, out=slopes)
            if label:
                slopes.sub_(label)
            total.add_(slopes)
            scores.addmm_(slopes, products, alpha=-1)
        return users - (total @ items) * (learning_rate / len(items))
