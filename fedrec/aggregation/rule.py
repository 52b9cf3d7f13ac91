"""A robust rule in place of the plain sum, and f, the number of malicious uploads that it expects.

A rule combines the uploads for each item and for each tensor of the scorer, which counts as one vector. With `scope=whole_update` some
rules combine the whole updates of the clients instead.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from fedrec.aggregation.grouped_uploads import GroupedUploads
from fedrec.aggregation.whole_updates import WholeUpdates
from fedrec.interfaces import MANY_ITEMS, Aggregation, Aggregator, GlobalModel, ServerView, Share, Upload

Fallback = Literal["sum", "skip"]  # what becomes of too few uploads: their sum, or nothing
Scope = Literal["per_item", "whole_update"]
ScorerShare = Literal["clients", "senders"]  # of whom the malicious share is expected for a tensor of the scorer
Groups = Sequence[GroupedUploads]


def number_tolerated(malicious_share: float, sizes: Tensor) -> Tensor:
    """Return f = floor(p n_j), the number of malicious ones to expect among n_j uploads; [J] -> [J].

    >>> number_tolerated(0.1, torch.tensor([9, 10, 30])).tolist()
    [0, 1, 3]
    """
    return (malicious_share * sizes.double() + 1e-9).floor().long()  # or rounding would make 28 of 0.29 * 100


@dataclass(kw_only=True)
class Rule(Aggregator):
    """Combines the n_j uploads of each group into n_j times what stands for one of them. A rule is a dataclass; its fields are its options.

    A result is on the scale of the sum that it replaces, so the learning rate keeps its meaning.
    """

    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"
    keeps_models = False

    # A rule that lets its user choose declares the field again. It would inherit a `default`, and the option would not be required.
    malicious_share: Share | None = field(init=False, default_factory=lambda: None)  # what the rule expects of uploads
    scope: Scope = field(init=False, default_factory=lambda: "per_item")
    scorer_share: ScorerShare = field(init=False, default_factory=lambda: "senders")

    @abstractmethod
    def combine(self, uploads: GroupedUploads) -> tuple[Tensor, Tensor | None]:
        """Return the result of each group [J, p] and, if the rule selects, which uploads it accepts [N] bool; None otherwise.

        With `scope=whole_update` all updates are one group of `WholeUpdates`, which have no coordinates to sort.
        """

    def tolerated(self, uploads: GroupedUploads) -> Tensor:
        """Return f, how many malicious uploads the rule tolerates in each group, [J]; any minority if it expects no share."""
        sizes = uploads.sizes
        if self.malicious_share is None:
            return (sizes - 1) // 2
        of_all = bool(uploads.name) and self.scorer_share == "clients"
        f = number_tolerated(self.malicious_share, torch.full_like(sizes, uploads.n_clients) if of_all else sizes)
        return torch.minimum(f, (sizes - 1).clamp(min=0))

    def applies(self, uploads: GroupedUploads) -> Tensor:
        """Return which groups have enough uploads for the rule, [J] bool."""
        return torch.ones_like(uploads.sizes, dtype=torch.bool)

    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        whole = self.scope == "whole_update"
        groups: Groups = [WholeUpdates.of(upload, view.model)] if whole else grouped(upload, view.model)
        results, accepted = zip(*map(self.combine, groups), strict=True)
        applies = [self.applies(uploads) for uploads in groups]
        items = upload.items.unique().long() if whole else groups[0].keys
        in_items = applies[0].expand(len(items))
        unguarded = in_items & (self.tolerated(groups[0]) == 0)
        decided = inspected(groups, accepted, applies)
        gradient, touched = assembled_for_touched(groups, results, view.model)
        return Aggregation(gradient, items[~in_items], items[unguarded], *decided, touched)


def grouped(upload: Upload, model: GlobalModel) -> list[GroupedUploads]:
    """Return the uploads for items, then those for each tensor of the scorer that somebody sent gradients of."""
    senders, gradients = upload.scorer_rows()
    n_clients = len(upload.clients)
    tensors = [GroupedUploads.of_tensor(value, senders, name, n_clients) for name, value in gradients.items() if len(senders)]
    return [GroupedUploads.by_item(upload, len(model.items)), *tensors]


def assembled(groups: Groups, results: Sequence[Tensor], model: GlobalModel) -> GlobalModel:
    """Return what became of all groups as one gradient, from the results [J, p] of each."""
    if isinstance(updates := groups[0], WholeUpdates):
        return updates.split(results[0][0])
    return GlobalModel(torch.zeros_like(model.items).index_copy_(0, groups[0].keys, results[0]), _of_tensors(groups, results, model))


def assembled_for_touched(groups: Groups, results: Sequence[Tensor], model: GlobalModel) -> tuple[GlobalModel, Tensor | None]:
    """Return the gradient that `assembled` returns, with many items for the touched ones only; and these, [J]. None if it is for all."""
    if isinstance(groups[0], WholeUpdates) or len(model.items) < MANY_ITEMS:
        return assembled(groups, results, model), None
    return GlobalModel(results[0], _of_tensors(groups, results, model)), groups[0].keys


def _of_tensors(groups: Groups, results: Sequence[Tensor], model: GlobalModel) -> dict[str, Tensor]:
    tensors = zip(groups[1:], results[1:], strict=True)
    return {uploads.name: result.view_as(model.scorer[uploads.name]) for uploads, result in tensors}


def inspected(groups: Groups, accepted: Sequence[Tensor | None], applies: Sequence[Tensor]) -> tuple[Tensor | None, Tensor | None]:
    """Return who sent the uploads that a selecting rule decided on, [k], and which of them are accepted, [k] bool; else None twice.

    From the accepted ones [N] bool of each, and the groups [J] bool to which the rule applies.
    """
    of_groups = zip(groups, accepted, applies, strict=True)
    decided = [(uploads, those, uploads.repeat_by_group(on).nonzero()[:, 0]) for uploads, those, on in of_groups if those is not None]
    if not decided:
        return None, None
    senders = torch.cat([uploads.senders.index_select(0, on) for uploads, _, on in decided])
    return senders, torch.cat([those.index_select(0, on) for _, those, on in decided])
