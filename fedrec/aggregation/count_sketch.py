"""A client's whole update in few numbers that keep scalar products: a count sketch.

Charikar, Chen, Farach-Colton, "Finding Frequent Items in Data Streams", ICALP 2002. Every coordinate of the global parameters is added,
with a random sign, to a random one of k buckets. The scalar product of two sketches is that of the updates plus an error with mean 0 and
variance at most 2 / k times the product of their squared lengths. The sketch of a sum is the sum of the sketches.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from fedrec.interfaces import GlobalModel, Upload
from fedrec.ragged import column_scatter_sum


@dataclass(frozen=True, slots=True)
class CountSketch:
    """Where each coordinate of the global parameters goes."""

    size: int  # k
    buckets: GlobalModel  # int64 in 0..k-1
    signs: GlobalModel  # 1 or -1

    @classmethod
    def draw(cls, size: int, model: GlobalModel, generator: Generator, device: torch.device) -> "CountSketch":
        """Draw a sketch for parameters as those of `model`, on a device."""

        def for_each(draw: Callable[[Tensor], Tensor]) -> GlobalModel:
            return GlobalModel(draw(model.items).to(device), {name: draw(value).to(device) for name, value in model.scorer.items()})

        buckets = for_each(lambda like: torch.randint(size, like.shape, generator=generator))
        return cls(size, buckets, for_each(lambda like: torch.randint(2, like.shape, generator=generator).to(like).mul_(2).sub_(1)))

    def of_clients(self, upload: Upload) -> Tensor:
        """Return the sketch of what each client sent, [S, k]."""
        n = len(upload.clients)
        rows = self.signs.items.index_select(0, upload.items).mul_(upload.rows)  # [n, d]
        sketches = self._sums(rows, upload.segments, self.buckets.items.index_select(0, upload.items), n)
        senders, gradients = upload.scorer_rows()
        for name, value in gradients.items():
            sketches += self._sums((value * self.signs.scorer[name]).flatten(1), senders, self.buckets.scorer[name].flatten(), n)
        return sketches

    def _sums(self, values: Tensor, clients: Tensor, buckets: Tensor, n_clients: int) -> Tensor:
        """Return the sums of the values [c, p] of clients [c] by client and bucket, [n_clients, k]; buckets [c, p] or [p]."""
        columns = (clients * self.size)[:, None] + buckets
        return column_scatter_sum(values.flatten()[None], columns.flatten(), n_clients * self.size).view(n_clients, self.size)
