"""Matrix factorisation, the base model of MF-FRS (Sec. III-A).

Rendle et al., UAI 2009, as used in federated recommendation by Ammad-ud-din et al., 2019.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn.functional import conv2d, pad

from fedrec.interfaces import ClientBatch, FactoredRows, GlobalModel, LocalGradients, Loss, Model, OwnItems, Positive, Rate
from fedrec.ragged import on_gpu, segment_products, segment_sum

IMAGES = 16  # from so many on, torch gives a convolution to oneDNN
WIDE = 64  # users for whom a convolution is faster than a product of matrices


@dataclass(kw_only=True)
class MatrixFactorization(Model):
    """Embeddings of size `dim`, drawn from N(0, init_std^2)."""

    paper = "Rendle et al., UAI 2009; federated: Ammad-ud-din et al., 2019"

    dim: Positive
    init_std: Rate

    def initialise(self, n_users: int, n_items: int, generator: Generator) -> tuple[Tensor, GlobalModel]:
        users = torch.randn(n_users, self.dim, generator=generator).mul_(self.init_std)
        return users, GlobalModel(torch.randn(n_items, self.dim, generator=generator).mul_(self.init_std))

    def score(self, users: Tensor, items: Tensor, scorer: Mapping[str, Tensor], own: OwnItems | None = None) -> Tensor:
        """Psi(u, v) before its sigmoid: u . v (Sec. III-A)."""
        return (users * items).sum(-1)

    def score_all(self, users: Tensor, model: GlobalModel, space: Tensor, own: Tensor | None = None) -> Tensor:
        if on_gpu(users) or len(users) < WIDE:
            return torch.mm(model.items, users.T, out=space)
        return products(model.items, users)

    def local_gradients(self, users: Tensor, global_model: GlobalModel, batch: ClientBatch, loss: Loss) -> LocalGradients:
        """Closed form: every row that a client uploads is a number times its user embedding."""
        scores = segment_products(users, global_model.items, batch.offsets, batch.items)  # [E]
        value, derivative = loss(scores, batch)
        user_gradient = segment_sum(global_model.items, batch.items, batch.offsets, derivative)  # [C, d]
        return LocalGradients(value, user_gradient, (FactoredRows(derivative / batch.counts, users),))

    def gradients_of_all(self, users: Tensor, global_model: GlobalModel, batch: ClientBatch, loss: Loss) -> tuple[Tensor, Tensor, None]:
        scores = users @ global_model.items.T  # [n, M]
        _, derivative = loss(scores.flatten(), batch)
        rows = (derivative / batch.counts).view(*scores.shape, 1) * users[:, None]
        return segment_sum(global_model.items, batch.items, batch.offsets, derivative), rows.flatten(0, 1), None

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


def products(items: Tensor, users: Tensor) -> Tensor:
    """Return items @ users.T as a convolution of images whose pixels are the items; [M, d], [B, d] -> [M, B].

    torch multiplies matrices with MKL and convolves with oneDNN, which is twice as fast on processors of AMD with AVX-512.
    """
    height = -(-len(items) // IMAGES)
    pixels = pad(items, (0, 0, 0, IMAGES * height - len(items))).view(IMAGES, height, 1, -1)
    convolved = conv2d(pixels.permute(0, 3, 1, 2), users[:, :, None, None])  # [IMAGES, B, height, 1], pixel after pixel in memory
    return convolved.permute(0, 2, 3, 1).reshape(IMAGES * height, len(users))[: len(items)]
