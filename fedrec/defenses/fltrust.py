"""FLTrust: uploads count as much as they point where the server's own gradient does, and are as long as that.

Cao, Fang, Liu, Gong, "FLTrust: Byzantine-robust Federated Learning via Trust Bootstrapping", NDSS 2021, Eqs. 2-4. The server owns the
data of a share of benign users and trains its own copy of them (`fedrec.aggregation.root_clients`); its gradient is a mean over them. With
`scope=per_item` a row is judged by the server's row for the item, a mean over the root users that hold it, and a tensor of the
scorer by the server's; `scope=whole_update` as published. Where the server has no gradient it cannot judge: `fallback`.
If nobody is trusted, the result is 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from fedrec.aggregation.grouped_uploads import GroupedUploads
from fedrec.aggregation.root_clients import RootClients
from fedrec.interfaces import Aggregation, Aggregator, GlobalModel, ServerKnowledge, ServerView, Upload
from fedrec.ragged import repeat_each, scalar_segment_sum, segment_products


@dataclass(kw_only=True)
class FLTrust(Aggregator):
    paper = "Cao et al., NDSS 2021"
    applies_to = "MF-FRS, DL-FRS"

    root_share: Annotated[float, Field(gt=0, le=0.5)]
    scope: Literal["per_item", "whole_update"]
    fallback: Literal["sum", "skip"]
    root: RootClients = field(init=False)

    def root_wanted(self) -> float:
        return self.root_share

    def setup(self, known: ServerKnowledge) -> None:
        self.root = RootClients.of(known)

    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        own, n_root = self.root.train(view), len(self.root.users)
        scorer = {name: value / n_root for name, value in own.scorer.items()}
        uploads = GroupedUploads.by_item(upload, len(view.model.items))
        if self.scope == "whole_update":
            return self._of_clients(upload, uploads, GlobalModel(own.items / n_root, scorer))
        total = torch.zeros_like(view.model.items)
        rows = own.items / self.root.holders.clamp(min=1)[:, None]
        total[uploads.keys], decided, trusted = self._of_groups(uploads, rows.index_select(0, uploads.keys))
        on = uploads.repeat_by_group(decided)
        inspected, accepted, combined = [uploads.senders[on]], [trusted[on]], {}
        senders, gradients = upload.scorer_rows()
        gradients = gradients if len(senders) else {}
        for name, value in gradients.items():
            result, known, trusted = self._of_groups(GroupedUploads.of_tensor(value, senders), scorer[name].flatten()[None])
            combined[name] = result.view(value.shape[1:])
            inspected.append(senders[known.expand_as(senders)])
            accepted.append(trusted[known.expand_as(senders)])
        return Aggregation(
            GlobalModel(total, combined), uploads.keys[~decided], inspected=torch.cat(inspected), accepted=torch.cat(accepted)
        )

    def _of_groups(self, uploads: GroupedUploads, own: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """From the server's gradient for each group, [J, p]: results [J, p], where it can judge [J] bool, whom it trusts [N] bool."""
        own_lengths = torch.linalg.vector_norm(own, dim=1)
        weights, trust = weigh(_products(uploads, own), _lengths(uploads), own_lengths, uploads.offsets)
        decided = own_lengths > 0
        weights = torch.where(uploads.repeat_by_group(decided), weights, float(self.fallback == "sum"))
        return uploads.sum(weights), decided, trust > 0

    def _of_clients(self, upload: Upload, uploads: GroupedUploads, own: GlobalModel) -> Aggregation:
        """All that a client sends as one vector, without ever making it."""
        n, n_items = len(upload.clients), len(own.items)
        products, squares = own.items.new_zeros(n), own.items.new_zeros(n)
        products.index_add_(0, uploads.senders, _products(uploads, own.items.index_select(0, uploads.keys)))
        squares.index_add_(0, uploads.senders, _lengths(uploads).square())
        senders, gradients = upload.scorer_rows()
        for name, value in gradients.items():
            vectors = value.flatten(1)
            products.index_add_(0, senders, vectors @ own.scorer[name].flatten())
            squares.index_add_(0, senders, vectors.square().sum(1))
        own_length = torch.stack([torch.linalg.vector_norm(value) for value in (own.items, *own.scorer.values())]).norm()[None]
        everybody = torch.arange(n, device=products.device)
        if not own_length:
            total = upload.weighted(products.new_full((n,), float(self.fallback == "sum"))).total(n_items)
            return Aggregation(GlobalModel(*total), uploads.keys)
        weights, trust = weigh(products, squares.sqrt(), own_length, everybody.new_tensor([0, n]))
        return Aggregation(GlobalModel(*upload.weighted(weights).total(n_items)), uploads.keys[:0], inspected=everybody, accepted=trust > 0)

    def state_dict(self) -> dict[str, Any]:
        return {"users": self.root.users.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.root.users = state["users"].clone()


def weigh(products: Tensor, lengths: Tensor, own_lengths: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
    """Weights on the scale of a sum, and trust scores, of uploads in groups; 0 if nobody in the group is trusted.

    From the uploads' scalar products with the server's gradient for the group [N], their lengths [N] and its length [J]; offsets [J + 1].
    """
    sizes, tiny = offsets.diff(), torch.finfo(products.dtype).tiny
    own, lengths = repeat_each(own_lengths, sizes), lengths.clamp(min=tiny)
    trust = (products / lengths / own.clamp(min=tiny)).clamp(min=0)  # Eq. (2)
    totals = repeat_each(scalar_segment_sum(trust, offsets), sizes)
    return trust / totals.clamp(min=tiny) * repeat_each(sizes, sizes) * (own / lengths), trust


def _products(uploads: GroupedUploads, own: Tensor) -> Tensor:
    """Of each upload with the vector of its group, [J, p] -> [N]."""
    return segment_products(own, uploads.vectors, uploads.offsets, uploads.pointers) * uploads.coefficients


def _lengths(uploads: GroupedUploads) -> Tensor:
    """L2 norm of each upload, [N]."""
    of_vectors: Tensor = torch.linalg.vector_norm(uploads.vectors, dim=1)
    return of_vectors.index_select(0, uploads.pointers) * uploads.coefficients.abs()
