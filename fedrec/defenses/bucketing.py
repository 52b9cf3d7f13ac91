"""Bucketing: shuffled uploads are averaged in buckets of s, and every client of a bucket sends the mean.

Karimireddy, He, Jaggi, "Byzantine-Robust Learning on Heterogeneous Datasets via Bucketing", ICLR 2022, Algorithm 1. There the rule that
follows gets the ceil(n / s) means. Here it gets each mean once for every upload in it, so a mean of s counts as s, the sum keeps its value,
the last, smaller bucket has its due weight, and a decision of the rule is one about clients. With `scope=whole_update` clients are put into
buckets, and a client sends 0 for an item that it sends no row for, as in the paper; `scope=per_item` makes buckets of the rows for each
item, and of those for each tensor of the scorer. One malicious upload spoils its bucket, so a rule behind it should expect up to s times
the share: set its `malicious_share`. FoolsGold behind it would take the clients of a bucket for copies, and Krum finds a twin of each
upload at distance 0. There is no f and no fallback.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.aggregation import GroupedUploads, Scope
from fedrec.interfaces import DenseScorerGradients, Positive, ScorerPart, ServerView, Transform, Upload
from fedrec.ragged import lexicographic_order, positions, repeat_each, segment_sum


@dataclass(kw_only=True)
class Bucketing(Transform):
    paper = "Karimireddy et al., ICLR 2022"
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"
    keeps_models = False

    s: Positive
    scope: Scope

    def __call__(self, upload: Upload, view: ServerView) -> Upload:
        shuffled = torch.randperm(len(upload.clients), generator=view.generator("bucketing")).to(upload.clients.device)
        places = shuffled[upload.clients.argsort().argsort()]  # [S], the same of a client in whatever order they come
        uploads = GroupedUploads.by_item(upload, len(view.model.items))
        return (self._of_clients if self.scope == "whole_update" else self._of_rows)(upload, uploads, places)

    def _of_rows(self, upload: Upload, uploads: GroupedUploads, places: Tensor) -> Upload:
        """Return the means of each item's rows, and of each tensor of the scorer, from where each client stands in the shuffle, [S]."""
        senders, gradients = upload.scorer_rows()
        means = {name: self._means(GroupedUploads.of_tensor(value, senders), places).view_as(value) for name, value in gradients.items()}
        items = uploads.repeat_by_group(uploads.keys)
        return Upload.of_rows(upload.clients, items, uploads.senders, self._means(uploads, places), _part(senders, means))

    def _means(self, uploads: GroupedUploads, places: Tensor) -> Tensor:
        """Return the mean of each upload's bucket, [N, p]."""
        ascending = torch.arange(len(uploads.senders), device=places.device)
        numbers = uploads.repeat_by_group(torch.arange(len(uploads.sizes), device=places.device))
        order = lexicographic_order(numbers, places.index_select(0, uploads.senders))
        opens = (ascending - uploads.repeat_by_group(uploads.offsets[:-1])) % self.s == 0  # a bucket, in the order of the shuffle
        offsets = torch.cat([positions(opens), ascending.new_tensor([len(opens)])])
        sizes = offsets.diff()
        weights = uploads.coefficients.index_select(0, order) / repeat_each(sizes, sizes)
        means = segment_sum(uploads.vectors, uploads.pointers.index_select(0, order), offsets, weights)  # [buckets, p]
        return means.index_select(0, (opens.cumsum(0) - 1).index_select(0, order.argsort()))

    def _of_clients(self, upload: Upload, uploads: GroupedUploads, places: Tensor) -> Upload:
        """Return the means of whole clients."""
        buckets, members = places // self.s, places.argsort()  # [S]; [S], bucket after bucket
        sizes = torch.bincount(buckets)
        of_rows, items = buckets.index_select(0, uploads.senders), uploads.repeat_by_group(uploads.keys)  # [N]
        order = lexicographic_order(of_rows, items)
        of_rows, items = of_rows.index_select(0, order), items.index_select(0, order)
        opens = torch.ones_like(items, dtype=torch.bool)  # what a bucket sends for an item
        opens[1:] = (of_rows.diff() != 0) | (items.diff() != 0)
        offsets = torch.cat([positions(opens), order.new_tensor([len(opens)])])
        weights = uploads.coefficients.index_select(0, order) / sizes.index_select(0, of_rows)
        means = segment_sum(uploads.vectors, uploads.pointers.index_select(0, order), offsets, weights)  # [R, d]
        of_means, items = of_rows[opens], items[opens]  # [R]
        copies = sizes.index_select(0, of_means)
        which = repeat_each(torch.arange(len(copies), device=places.device), copies)
        number = torch.arange(len(which), device=places.device) - repeat_each(copies.cumsum(0) - copies, copies)
        senders = members.index_select(0, of_means.index_select(0, which) * self.s + number)
        scorer = self._scorer_of_clients(upload, buckets, sizes)
        return Upload.of_rows(upload.clients, items.index_select(0, which), senders, means.index_select(0, which), scorer)

    def _scorer_of_clients(self, upload: Upload, buckets: Tensor, sizes: Tensor) -> tuple[ScorerPart, ...]:
        """Return the means of the gradients of the scorer, for every client of a bucket in which one has sent any."""
        senders, gradients = upload.scorer_rows()
        heard = torch.zeros_like(sizes, dtype=torch.bool).index_fill_(0, buckets.index_select(0, senders), True)
        receivers = positions(heard.index_select(0, buckets))
        means = {}
        for name, value in gradients.items():
            shares = torch.einsum("c,c...->c...", 1 / sizes.to(value.dtype)[buckets[senders]], value)
            sums = value.new_zeros(len(sizes), *value.shape[1:]).index_add_(0, buckets[senders], shares)
            means[name] = sums.index_select(0, buckets[receivers])
        return _part(receivers, means)


def _part(senders: Tensor, gradients: dict[str, Tensor]) -> tuple[ScorerPart, ...]:
    return (ScorerPart(senders, DenseScorerGradients(gradients)),) if gradients else ()
