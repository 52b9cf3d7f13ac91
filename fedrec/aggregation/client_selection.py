"""A rule that selects clients by their whole updates: n times the mean of what the selected ones of n clients sent, maybe clipped."""

from abc import abstractmethod
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fedrec.aggregation.rule import Fallback
from fedrec.aggregation.whole_updates import WholeUpdates
from fedrec.interfaces import Aggregation, Aggregator, GlobalModel, ServerView, Upload


@dataclass(kw_only=True)
class ClientSelection(Aggregator):
    """Selects clients. A new rule needs `select`. A rule that may select nobody declares `fallback` again, as an option.

    The result is on the scale of the sum that it replaces, so the learning rate keeps its meaning.
    """

    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"
    keeps_models = False

    fallback: Fallback = field(init=False, default_factory=lambda: "sum")  # what becomes of all updates if nobody is selected

    @abstractmethod
    def select(self, updates: WholeUpdates, view: ServerView) -> tuple[Tensor, Tensor]:
        """Return which updates are accepted, [S] bool, and what each is multiplied by if it is, [S] in 0..1."""

    def n_tolerated(self, n_clients: int) -> int:
        """Return how many malicious clients the rule tolerates; any minority unless it expects a share."""
        return (n_clients - 1) // 2

    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        updates = WholeUpdates.of(upload, view.model)
        accepted, factors = self.select(updates, view)
        n, n_accepted, items = len(accepted), int(accepted.sum()), updates.of_items.keys
        if not n_accepted:
            factors = torch.full_like(factors, self.fallback == "sum")
            return Aggregation(self._total(upload, factors, view), items, items[:0])
        unguarded = items if self.n_tolerated(n) == 0 else items[:0]
        gradient = self._total(upload, factors * accepted * (n / n_accepted), view)
        return Aggregation(gradient, items[:0], unguarded, updates.senders, accepted)

    def _total(self, upload: Upload, weights: Tensor, view: ServerView) -> GlobalModel:
        return GlobalModel(*upload.weighted(weights).total(len(view.model.items)))


def shortened(lengths: Tensor, longest: Tensor) -> Tensor:
    """Return what vectors of these lengths [S] are multiplied by so that none is longer than `longest` [] or [S]; 1 for shorter ones."""
    return (longest / lengths.clamp(min=torch.finfo(lengths.dtype).tiny)).clamp(max=1)
