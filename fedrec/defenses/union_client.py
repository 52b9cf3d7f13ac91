"""The client half of UNION: benign clients spread the items that they have met over the space of embeddings.

Yu et al., "Untargeted Attack against Federated Recommendation Systems via Poisonous Item Embeddings and the Defense", AAAI 2023. A client
adds `weight` times the InfoNCE loss of its items to its loss: each of them shall have a larger scalar product with another item of the
client than with `negatives` items that the client has not met. The loss is the mean over the client's items; its gradient flows to all of
these rows.
The paper draws the negatives among all items. Here they are the negatives of D_i, so a client uploads rows for the same items as without
the defense. D_i is random already, so nothing is drawn: partners and negatives take turns from round to round. An item counts once,
however often a client has it. A client with one item, or without negatives, adds nothing.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from fedrec.interfaces import ClientBatch, ClientDefense, DenseRows, GlobalModel, LocalGradients, LocalModel, NonNegative, Positive
from fedrec.ragged import repeat_each, scalar_segment_sum, scatter_sum, segment_products, segment_sum


class Comparisons(NamedTuple):
    """What the loss compares, as positions of pairs in the batch."""

    anchors: Tensor  # [A] int64
    candidates: Tensor  # [A, 1 + negatives] int64, the partner first
    clients: Tensor  # [A] int64, positions in the batch of the anchors' clients
    shares: Tensor  # [A], 1 / number of anchors of the client


@dataclass(kw_only=True)
class UnionClient(ClientDefense):
    paper = "Yu et al., AAAI 2023"
    applies_to = "MF-FRS, DL-FRS"
    keeps_models = False

    weight: NonNegative
    negatives: Positive
    round: int = field(init=False, default=0)

    def observe(self, round: int, clients: Tensor, global_model: GlobalModel) -> None:
        self.round = round

    def penalty(self, local: LocalModel, batch: ClientBatch) -> Tensor:
        chosen = self._comparisons(batch)
        scores = (local.rows[chosen.candidates] * local.rows[chosen.anchors][:, None]).sum(2)  # [A, 1 + negatives]
        losses = -log_softmax(scores, 1)[:, 0] * chosen.shares
        return self.weight * losses.new_zeros(len(batch.clients)).index_add(0, chosen.clients, losses)

    def penalty_gradients(self, users: Tensor, global_model: GlobalModel, batch: ClientBatch) -> LocalGradients:
        """Return the gradients of `penalty` in closed form; a row is not divided by how often a client has its item."""
        chosen, items = self._comparisons(batch), batch.items.long()
        vectors = global_model.items.index_select(0, items.index_select(0, chosen.anchors))  # [A, d]
        columns, places = items.index_select(0, chosen.candidates.flatten()), chosen.candidates.flatten().int()  # [A * (1 + negatives)]
        offsets = torch.arange(len(vectors) + 1, dtype=torch.int32, device=items.device) * chosen.candidates.shape[1]
        scores = segment_products(vectors, global_model.items, offsets, columns.int()).view(chosen.candidates.shape)
        log_shares = log_softmax(scores, 1)
        losses = -log_shares[:, 0] * chosen.shares
        slopes = log_shares.exp()
        slopes[:, 0] -= 1
        slopes = (slopes * (self.weight * chosen.shares)[:, None]).flatten()
        rows = scatter_sum(slopes, vectors, offsets, places, len(items))  # of partners and negatives, [E, d]
        rows.index_add_(0, chosen.anchors, segment_sum(global_model.items, columns.int(), offsets, slopes))
        loss = losses.new_zeros(len(batch.clients)).index_add_(0, chosen.clients, losses).mul_(self.weight)
        return LocalGradients(loss, torch.zeros_like(users), (DenseRows(rows),))

    def _comparisons(self, batch: ClientBatch) -> Comparisons:
        n_positives = scalar_segment_sum(batch.labels, batch.offsets).long()  # [C]
        n_negatives = batch.sizes.long() - n_positives
        n_anchors = n_positives * (n_positives > 1) * (n_negatives > 0)
        clients = repeat_each(torch.arange(len(n_anchors), device=n_anchors.device), n_anchors)  # [A]
        first, positives, others = (part.index_select(0, clients) for part in (batch.offsets[:-1].long(), n_positives, n_negatives))
        numbers = torch.arange(len(clients), device=clients.device) - (n_anchors.cumsum(0) - n_anchors).index_select(0, clients)
        partners = (numbers + 1 + self.round % (positives - 1)) % positives
        turns = (numbers * self.negatives + self.round)[:, None] + torch.arange(self.negatives, device=clients.device)
        negatives = positives[:, None] + turns % others[:, None]
        candidates = torch.cat([partners[:, None], negatives], 1) + first[:, None]
        return Comparisons(first + numbers, candidates, clients, 1 / positives.to(batch.labels.dtype))
