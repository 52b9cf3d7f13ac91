"""A client's whole update as one vector: all its rows and its gradients of the scorer, 0 where it sends nothing."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from fedrec.aggregation.grouped_uploads import GroupedUploads
from fedrec.interfaces import GlobalModel, Upload


@dataclass(frozen=True, kw_only=True)
class WholeUpdates(GroupedUploads):
    """The updates of S clients as one group, P numbers in each, items first. No update is made as a vector: `vectors` is empty."""

    upload: Upload
    model: GlobalModel  # for its shapes
    of_items: GroupedUploads  # the rows of all clients

    @classmethod
    def of(cls, upload: Upload, model: GlobalModel) -> "WholeUpdates":
        """Take what the clients of a round sent; model for its shapes."""
        n, everybody = len(upload.clients), torch.arange(len(upload.clients), device=upload.clients.device)
        one_group = everybody.new_zeros(1), everybody.new_tensor([n]), model.items.new_empty(n, 0), everybody, model.items.new_ones(n)
        return cls(*one_group, everybody, upload=upload, model=model, of_items=GroupedUploads.by_item(upload, len(model.items)))

    @cached_property
    def scorer(self) -> tuple[Tensor, dict[str, Tensor]]:
        """What `Upload.scorer_rows` returns."""
        return self.upload.scorer_rows()

    def totals(self, weights: Tensor) -> Tensor:
        """Return the sum of the weights, [S] -> [1]."""
        return weights.sum(0, keepdim=True)

    def sum(self, weights: Tensor, chosen: Tensor | None = None) -> Tensor:
        """Return the sum of weights [S] times updates, [1, P]; over the marked ones only, [S] bool, if any are marked."""
        weights = (weights if chosen is None else weights * chosen).to(self.model.items.dtype)
        return self.join(GlobalModel(*self.upload.weighted(weights).total(len(self.model.items))))

    def join(self, parameters: GlobalModel) -> Tensor:
        """Return the parameters as a vector, [1, P]; 0 for a tensor that is missing."""
        tensors = [parameters.scorer.get(name, torch.zeros_like(value)).flatten() for name, value in self.model.scorer.items()]
        return torch.cat([parameters.items.flatten(), *tensors])[None]

    def split(self, vector: Tensor) -> GlobalModel:
        """Return the parameters that a vector [P] stands for."""
        shapes = {name: value.shape for name, value in self.model.scorer.items()}
        items, *parts = vector.split([self.model.items.numel(), *(shape.numel() for shape in shapes.values())])
        tensors = {name: part.view(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
        return GlobalModel(items.view_as(self.model.items), tensors)

    def add_up(self, start: Tensor, of_rows: Tensor, of_tensors: dict[str, Tensor]) -> Tensor:
        """Return start [1] plus the numbers of each client's rows [N] and of its tensors {name: [c]}, [S]."""
        sums = start.repeat(len(self.senders)).index_add_(0, self.of_items.senders, of_rows)
        for value in of_tensors.values():
            sums.index_add_(0, self.scorer[0], value)
        return sums

    def lengths(self) -> Tensor:
        """Return the L2 norm of each update, [S]."""
        return self.distances(self.join(GlobalModel(torch.zeros_like(self.model.items))))

    def distances(self, centres: Tensor) -> Tensor:
        """Return the distance of each update to the centre [1, P], [S]. Coordinates that a client did not send count as zero.

        A distance is the length of the centre, corrected for what the client sent. In single precision the correction would be lost.
        """
        centre, wide, rows = self.split(centres[0]), torch.float64, self.of_items
        squares = centre.items.square().sum(1, dtype=wide).index_select(0, rows.keys)  # [J]
        of_rows = rows.distances(centre.items.index_select(0, rows.keys)).to(wide).square() - rows.repeat_by_group(squares)  # [N]
        of_tensors = {}
        for name, value in self.scorer[1].items():
            there = centre.scorer[name]
            of_tensors[name] = (value - there).flatten(1).square().sum(1, dtype=wide) - there.square().sum(dtype=wide)  # [c]
        return self.add_up(centres.square().sum(1, dtype=wide), of_rows, of_tensors).clamp_(min=0).sqrt_().to(centres.dtype)

    def along(self, directions: Tensor) -> Tensor:
        """Return the scalar product of each update with the direction [1, P], [S]."""
        direction, rows = self.split(directions[0]), self.of_items
        of_rows = rows.along(direction.items.index_select(0, rows.keys))  # [N]
        of_tensors = {name: value.flatten(1) @ direction.scorer[name].flatten() for name, value in self.scorer[1].items()}
        return self.add_up(directions.new_zeros(1), of_rows, of_tensors)

    def draw_coordinates(self, share: float, generator: Generator) -> GlobalModel:
        """Return true for a share of all P coordinates that is drawn at random, for one of them at least; in the shapes of the model."""
        n = self.model.items.numel() + sum(value.numel() for value in self.model.scorer.values())
        drawn = torch.randperm(n, generator=generator)[: max(1, math.floor(share * n + 1e-9))]
        return self.split(torch.zeros(n, dtype=torch.bool).index_fill_(0, drawn, True).to(self.model.items.device))

    def products(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scalar products between the updates, [S, S]."""
        from fedrec.aggregation.compiled_loops import matrix_product, products_of_senders

        products = products_of_senders(self.of_items.for_loops(), self.of_items.senders.cpu().numpy(), len(vectors))
        senders = self.scorer[0].cpu().numpy()
        for value in self.scorer[1].values():
            rows = np.ascontiguousarray(value.flatten(1).cpu(), np.float64)
            products[np.ix_(senders, senders)] += matrix_product(rows, rows.T.copy())
        return products
