"""A client's whole update in few numbers that keep scalar products: a count sketch.

Charikar, Chen, Farach-Colton, "Finding Frequent Items in Data Streams", ICALP 2002. Every coordinate of the global parameters is added,
with a random sign, to a random one of k buckets. The scalar product of two sketches is that of the updates plus an error with mean 0 and
variance at most 2 / k times the product of their squared lengths. The sketch of a sum is the sum of the sketches.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from fedrec.interfaces import GlobalModel, Upload


@dataclass(frozen=True, slots=True)
class CountSketch:
    """Where each coordinate of the global parameters goes; on the CPU."""

    size: int  # k
    buckets: GlobalModel  # int64 in 0..k-1
    signs: GlobalModel  # 1 or -1

    @classmethod
    def draw(cls, size: int, model: GlobalModel, generator: Generator) -> "CountSketch":
        """Draw a sketch for parameters as those of `model`."""

        def for_each(draw: Callable[[Tensor], Tensor]) -> GlobalModel:
            return GlobalModel(draw(model.items), {name: draw(value) for name, value in model.scorer.items()})

        buckets = for_each(lambda like: torch.randint(size, like.shape, generator=generator))
        return cls(size, buckets, for_each(lambda like: torch.randint(2, like.shape, generator=generator).to(like).mul_(2).sub_(1)))

    def of_clients(self, upload: Upload) -> Tensor:
        """Return the sketch of what each client sent, [S, k]."""
        sketches = self._of_rows(upload, self.buckets.items, self.signs.items)
        senders, gradients = upload.scorer_rows()
        for name, value in gradients.items():
            rows = Upload.of_rows(upload.clients, torch.zeros_like(senders), senders, value.flatten(1))
            sketches += self._of_rows(rows, self.buckets.scorer[name].flatten()[None], self.signs.scorer[name].flatten()[None])
        return sketches

    def _of_rows(self, upload: Upload, buckets: Tensor, signs: Tensor) -> Tensor:
        """Return the sketch of the rows alone that each client sent, [S, k]; buckets and signs [M, p]."""
        from fedrec.aggregation.sketch_sums import sums_by_bucket

        vectors, pointers, coefficients = upload.factored
        numbers = (np.ascontiguousarray(one.cpu()) for one in (vectors, coefficients, signs))
        places = (np.ascontiguousarray(one.cpu(), np.uint64) for one in (pointers, upload.segments, upload.items, buckets))
        return torch.from_numpy(sums_by_bucket((len(upload.clients), self.size), *numbers, *places)).to(vectors.device)
