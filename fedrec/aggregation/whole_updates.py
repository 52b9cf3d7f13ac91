"""A client's whole update as one vector: all its rows and its gradients of the scorer, 0 where it sends nothing."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from fedrec.aggregation.grouped_uploads import GroupedUploads
from fedrec.interfaces import GlobalModel, Upload


@dataclass(frozen=True)
class WholeUpdates:
    """The updates of the sampled clients as one group of `GroupedUploads`: P numbers in each, items first; none is made as a vector."""

    upload: Upload
    model: GlobalModel  # for its shapes

    name: ClassVar[str] = ""

    @cached_property
    def keys(self) -> Tensor:
        return self.upload.clients.new_zeros(1)

    @cached_property
    def sizes(self) -> Tensor:
        return self.upload.clients.new_full((1,), len(self.upload.clients))

    @cached_property
    def uniform_weights(self) -> Tensor:
        """1 / S of each update, [S]."""
        return self.repeat_by_group(1 / self.sizes.to(self.model.items.dtype))

    @cached_property
    def rows(self) -> GroupedUploads:
        return GroupedUploads.by_item(self.upload, len(self.model.items))

    @cached_property
    def scorer(self) -> tuple[Tensor, dict[str, Tensor]]:
        return self.upload.scorer_rows()

    def repeat_by_group(self, values: Tensor) -> Tensor:
        """[1] -> [S]."""
        return values.expand(len(self.upload.clients))

    def totals(self, weights: Tensor) -> Tensor:
        """[S] -> [1]."""
        return weights.sum(0, keepdim=True)

    def sum(self, weights: Tensor) -> Tensor:
        """Weights [S] times updates, [1, P]."""
        items, tensors = self.upload.weighted(weights).total(len(self.model.items))
        parts = [tensors.get(name, torch.zeros_like(value)).flatten() for name, value in self.model.scorer.items()]
        return torch.cat([items.flatten(), *parts])[None]

    def split(self, vector: Tensor) -> GlobalModel:
        """[P] -> parameters."""
        shapes = {name: value.shape for name, value in self.model.scorer.items()}
        items, *parts = vector.split([self.model.items.numel(), *(shape.numel() for shape in shapes.values())])
        tensors = {name: part.view(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
        return GlobalModel(items.view_as(self.model.items), tensors)

    def lengths(self) -> Tensor:
        """L2 norm of each, [S]."""
        n_numbers = sum((value.numel() for value in self.model.scorer.values()), self.model.items.numel())
        return self.distances(self.model.items.new_zeros(1, n_numbers))

    def distances(self, centres: Tensor) -> Tensor:
        """To the centre [1, P], [S]. What a client sends nothing for counts as 0: all of |centre|^2 but for what it sends."""
        centre, wide = self.split(centres[0]), torch.float64  # or sums over all items would lose what a client adds
        of_rows = centre.items.square().sum(1, dtype=wide).index_select(0, self.rows.keys)  # [J]
        distances = self.rows.distances(centre.items.index_select(0, self.rows.keys)).to(wide).square() - self.rows.repeat_by_group(
            of_rows
        )  # [N]
        squares = centres.square().sum(1, dtype=wide).repeat(len(self.upload.clients)).index_add_(0, self.rows.senders, distances)  # [S]
        senders, gradients = self.scorer
        for name, value in gradients.items():
            there = centre.scorer[name]
            distances = (value - there).flatten(1).square().sum(1, dtype=wide) - there.square().sum(dtype=wide)  # [c]
            squares.index_add_(0, senders, distances)
        return squares.clamp_(min=0).sqrt_().to(centres.dtype)


def products_of_updates(upload: Upload, n_items: int) -> Tensor:
    """Scalar products of the sampled clients' updates, [S, S]; no update is ever made as a vector."""
    n, uploads = len(upload.clients), GroupedUploads.by_item(upload, n_items)
    products = uploads.vectors.new_zeros(n * n)
    for _, where, rows in uploads.blocks():
        senders = uploads.senders[where].view(rows.shape[:2])
        pairs = senders[:, :, None] * n + senders[:, None]  # [g, n, n]
        products.index_add_(0, pairs.flatten(), (rows @ rows.mT).flatten())
    products = products.view(n, n)
    senders, gradients = upload.scorer_rows()
    for value in gradients.values():
        vectors = value.flatten(1)
        products[senders[:, None], senders] += vectors @ vectors.T
    return products
