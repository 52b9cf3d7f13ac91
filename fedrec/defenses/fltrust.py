"""FLTrust: an upload counts as much as it points where the server's own gradient points, and counts as long as that gradient.

Cao, Fang, Liu, Gong, "FLTrust: Byzantine-robust Federated Learning via Trust Bootstrapping", NDSS 2021, Eqs. 2-4:
n / (sum_i TS_i) * sum_i TS_i |g_0| g_i / |g_i| with the trust score TS_i = ReLU(cos(g_i, g_0)).
The server owns the data of a share of the benign users and trains its own copy of them on the model that it broadcasts. With
`scope=per_item` g_0 for an item is the mean over the root users that hold it, and for a tensor of the scorer the mean over all of them;
`scope=whole_update` is the published rule. Where g_0 is 0 the server cannot judge, and the rule falls back. If nobody is trusted, the
result is 0. There is no f.
"""

from dataclasses import dataclass, field
from typing import Annotated

import torch
from pydantic import Field
from torch import Generator, Tensor

from fedrec.aggregation import Fallback, GroupedUploads, Scope, WholeUpdates, assembled_for_touched, grouped, inspected
from fedrec.interfaces import Aggregation, Aggregator, ClientBatch, GlobalModel, ServerKnowledge, ServerView, Upload
from fedrec.ragged import repeat_each, scalar_segment_sum


@dataclass(kw_only=True)
class FLTrust(Aggregator):
    paper = "Cao et al., NDSS 2021"
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"
    memory = ("users",)

    root_share: Annotated[float, Field(gt=0, le=0.5)]
    scope: Scope
    fallback: Fallback
    known: ServerKnowledge = field(init=False)
    root: ClientBatch = field(init=False)  # the data that the server owns
    users: Tensor = field(init=False)  # [R, d] the server's own embeddings of the root users; the true ones stay private

    def root_wanted(self) -> float:
        return self.root_share

    def setup(self, known: ServerKnowledge) -> None:
        if known.root is None:
            raise ValueError("defense.root_share: no data of benign users came")
        self.known, self.root = known, known.root
        users, _ = known.model.initialise(len(self.root.clients), known.n_items, Generator().manual_seed(known.seed))
        self.users = users.to(known.device)

    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        total, n_root = self._train(view), len(self.users)
        scorer = {name: value / n_root for name, value in total.scorer.items()}
        if self.scope == "whole_update":
            return self._of_whole_updates(upload, GlobalModel(total.items / n_root, scorer))
        holders = torch.bincount(self.root.items, minlength=len(total.items)).clamp(min=1)  # [M]
        return self._by_item(upload, GlobalModel(total.items / holders[:, None], scorer))

    def _train(self, view: ServerView) -> GlobalModel:
        """Return the sum of the root users' gradients on the model of the round; their embeddings take a step."""
        gradients = self.known.model.local_gradients(self.users, view.model, self.root, self.known.loss)
        self.users = self.users - view.learning_rate * gradients.users
        return GlobalModel(*gradients.upload(self.root).total(self.known.n_items))

    def _by_item(self, upload: Upload, own: GlobalModel) -> Aggregation:
        groups = grouped(upload, own)
        of_groups = [own.scorer[uploads.name].flatten()[None] if uploads.name else own.items[uploads.keys] for uploads in groups]
        trained = [torch.linalg.vector_norm(gradient, dim=1) > 0 for gradient in of_groups]
        results, trusted = zip(*map(self._combine, groups, of_groups), strict=True)
        gradient, touched = assembled_for_touched(groups, results, own)
        return Aggregation(gradient, groups[0].keys[~trained[0]], None, *inspected(groups, trusted, trained), touched)

    def _combine(self, uploads: GroupedUploads, own: Tensor) -> tuple[Tensor, Tensor]:
        """Return the results [J, p] and whom the server trusts [N] bool, from its own gradient for each group, [J, p]."""
        lengths = torch.linalg.vector_norm(own, dim=1)
        weights, trust = weigh(uploads.along(own), uploads.lengths(), lengths, uploads.offsets)
        weights = torch.where(uploads.repeat_by_group(lengths > 0), weights, float(self.fallback == "sum"))
        return uploads.sum(weights), trust > 0

    def _of_whole_updates(self, upload: Upload, own: GlobalModel) -> Aggregation:
        updates = WholeUpdates.of(upload, own)
        rows, products = updates.of_items, updates.along(updates.join(own))
        of_tensors = {name: value.flatten(1).square().sum(1) for name, value in updates.scorer[1].items()}
        squares = updates.add_up(own.items.new_zeros(1), rows.lengths().square(), of_tensors)
        length = torch.stack([torch.linalg.vector_norm(value) for value in (own.items, *own.scorer.values())]).norm()[None]
        weights, trust = weigh(products, squares.sqrt(), length, updates.offsets)
        weights = weights if length else torch.full_like(weights, self.fallback == "sum")
        gradient = GlobalModel(*upload.weighted(weights).total(len(own.items)))
        if not length:
            return Aggregation(gradient, rows.keys)
        return Aggregation(gradient, rows.keys[:0], inspected=updates.senders, accepted=trust > 0)


def weigh(products: Tensor, lengths: Tensor, own_lengths: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weights of uploads [N] on the scale of a sum, and their trust scores [N]; all weights are 0 where nobody is trusted.

    From the uploads' scalar products with the server's gradient for their group [N], their lengths [N] and its length [J]; offsets [J + 1].
    """
    sizes, tiny = offsets.diff(), torch.finfo(products.dtype).tiny
    own, lengths = repeat_each(own_lengths, sizes), lengths.clamp(min=tiny)
    trust = (products / lengths / own.clamp(min=tiny)).clamp(min=0)  # Eq. (2)
    totals = repeat_each(scalar_segment_sum(trust, offsets), sizes)
    return trust / totals.clamp(min=tiny) * repeat_each(sizes, sizes) * (own / lengths), trust  # Eqs. (3) and (4)
