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

    anchors: Tensor  # [A] int32
    candidates: Tensor  # [A, 1 + negatives] int32, the partner first
    clients: Tensor  # [A] int32, positions in the batch of the anchors' clients
    shares: Tensor  # [A], 1 / number of anchors of the client


@dataclass(kw_only=True)
class UnionClient(ClientDefense):
    paper = "Yu et al., AAAI 2023"
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"
    keeps_models = False

    weight: NonNegative
    negatives: Positive
    round: int = field(init=False, default=0)

    def observe(self, round: int, clients: Tensor, global_model: GlobalModel) -> None:
        self.round = round

    def penalty(self, local: LocalModel, batch: ClientBatch) -> Tensor:
        chosen = self._comparisons(batch)
        scores = (local.rows[chosen.candidates.long()] * local.rows[chosen.anchors.long()][:, None]).sum(2)  # [A, 1 + negatives]
        losses = -log_softmax(scores, 1)[:, 0] * chosen.shares
        return self.weight * losses.new_zeros(len(batch.clients)).index_add(0, chosen.clients, losses)

    def penalty_gradients(self, users: Tensor, global_model: GlobalModel, batch: ClientBatch) -> LocalGradients:
        """Return the gradients of `penalty` in closed form; a row is not divided by how often a client has its item."""
        chosen = self._comparisons(batch)
        places, width = chosen.candidates.flatten(), chosen.candidates.shape[1]  # [A * (1 + negatives)]
        vectors = global_model.items.index_select(0, batch.items.index_select(0, chosen.anchors))  # [A, d]
        columns = batch.items.index_select(0, places)
        offsets = torch.arange(0, len(places) + 1, width, dtype=torch.int32, device=places.device)
        scores = segment_products(vectors, global_model.items, offsets, columns).view(-1, width)
        log_shares = log_softmax(scores, 1)
        losses = -log_shares[:, 0] * chosen.shares
        slopes = log_shares.exp_()
        slopes[:, 0] -= 1
        slopes = slopes.mul_((self.weight * chosen.shares)[:, None]).flatten()
        rows = scatter_sum(slopes, vectors, offsets, places, len(batch.items))  # of partners and negatives, [E, d]
        rows.index_add_(0, chosen.anchors.long(), segment_sum(global_model.items, columns, offsets, slopes))
        loss = losses.new_zeros(len(batch.clients)).index_add_(0, chosen.clients, losses).mul_(self.weight)
        return LocalGradients(loss, torch.zeros_like(users), (DenseRows(rows),))

    def _comparisons(self, batch: ClientBatch) -> Comparisons:
        n_positives = scalar_segment_sum(batch.labels, batch.offsets).int()  # [C]
        n_negatives = batch.sizes - n_positives
        n_anchors = n_positives * (n_positives > 1) * (n_negatives > 0)
        before = n_anchors.cumsum(0, dtype=torch.int32) - n_anchors
        clients = repeat_each(torch.arange(len(n_anchors), dtype=torch.int32, device=before.device), n_anchors)  # [A]
        of_clients = torch.stack([batch.offsets[:-1], before, n_positives, n_negatives])
        first, before, positives, others = of_clients.index_select(1, clients)  # [A] each
        numbers = torch.arange(len(clients), dtype=torch.int32, device=clients.device) - before
        partners = (numbers + 1 + self.round % (positives - 1)) % positives
        turns = torch.arange(-1, self.negatives, dtype=torch.int32, device=clients.device)  # turn -1 leaves room for the partner
        candidates = (numbers * self.negatives + self.round)[:, None] + turns
        candidates.remainder_(others[:, None]).add_((first + positives)[:, None])
        candidates[:, 0] = first + partners
        return Comparisons(first + numbers, candidates, clients, 1 / positives.to(batch.labels.dtype))
