"""What travels in a round: the private data of its clients, the global model, local gradients, and the result."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from fedrec.interfaces.gradient_rows import RowGroup, Rows
from fedrec.interfaces.upload import ScorerGradients, ScorerPart, Upload
from fedrec.ragged import scalar_segment_sum, segment_numbers


@dataclass(frozen=True)
class ClientBatch:
    """The private data D_i of the benign clients of one round; client c owns pairs offsets[c]:offsets[c + 1], positives first."""

    clients: Tensor  # [C] int64 user ids
    offsets: Tensor  # [C + 1] int32
    items: Tensor  # [E] int32, distinct in a client
    labels: Tensor  # [E] float32 in {0, 1}
    counts: Tensor  # [E] float32 >= 1, how often the client has the pair: each time counts in its loss, but it uploads one row
    positives_are_own: bool = True  # False: an attacker makes up the clients and what they shall like, and they have no items of their own

    @cached_property
    def sizes(self) -> Tensor:
        return self.offsets.diff()  # [C]

    @cached_property
    def n_draws(self) -> Tensor:
        """|D_i| with all repeats, [C]."""
        return scalar_segment_sum(self.counts, self.offsets)

    @cached_property
    def segments(self) -> Tensor:
        """The position in `clients` of each pair's client, [E] int32."""
        return segment_numbers(self.offsets)

    def own_items(self, rows: Tensor) -> "OwnItems | None":
        """Return what the clients' own items are to each pair; None if they have none. rows [E, d] are the embeddings of the items."""
        if not self.positives_are_own:
            return None
        total = rows.new_zeros(len(self.clients), rows.shape[1]).index_add(0, self.segments, rows * self.labels[:, None])  # [C, d]
        numbers = scalar_segment_sum(self.labels, self.offsets)  # [C]
        return OwnItems(total[self.segments], numbers[self.segments], self.labels)


@dataclass(frozen=True, slots=True)
class OwnItems:
    """The items that the user of each pair has interacted with, as far as a score may depend on them: a star around the user."""

    total: Tensor  # [..., d] the sum of their embeddings
    numbers: Tensor  # [...] how many they are
    holds: Tensor  # [...] in {0, 1}, whether the pair's item is one of them


@dataclass(frozen=True, slots=True)
class GlobalModel:
    """What the server broadcasts: all that an attacker may know of the model. Only the server may change it, after the round.

    It does so in place unless a part of the federation says that it `keeps_models`.
    """

    items: Tensor  # [M, d]
    scorer: Mapping[str, Tensor] = field(default_factory=dict)  # parameters of the scorer, {} for MF

    def clone(self) -> "GlobalModel":
        """Return a copy that stays as it is; tensors of the scorer never change."""
        return GlobalModel(self.items.clone(), self.scorer)


@dataclass(frozen=True, slots=True)
class LocalModel:
    """The leaves of one round, gathered so that no two clients share one: autograd then yields per-client gradients."""

    users: Tensor  # [C, d]
    rows: Tensor  # [E, d], rows[k] embeds batch.items[k]
    global_model: GlobalModel  # constants


@dataclass(frozen=True, slots=True)
class LocalGradients:
    """What local training of C clients yields. The `rows` add up to the gradient rows of batch.items, a block per client."""

    loss: Tensor  # [C]
    users: Tensor  # [C, d]
    rows: tuple[Rows, ...]
    scorer: ScorerGradients | None = None  # None if the scorer has no parameters
    penalty: Tensor | None = None  # [C], which a client-side defense adds to the loss; None without one

    def upload(self, batch: ClientBatch) -> Upload:
        """Return what the clients of a batch send: all gradients but those of their own embeddings."""
        owners = torch.arange(len(batch.clients), device=batch.clients.device)
        scorer = () if self.scorer is None else (ScorerPart(owners, self.scorer),)
        return Upload(batch.clients, (RowGroup(owners, batch.offsets, batch.items, self.rows),), scorer)


@dataclass(frozen=True)
class ReplacedRows:
    """The rows of items that a round replaced. Who follows them need not keep a global model."""

    touched: Tensor | None  # [J] int64; None: all items, and J = M
    before: Tensor  # [J, d]
    after: Tensor  # [J, d]

    @cached_property
    def lengths(self) -> Tensor:
        """How far each item moved, [J]."""
        lengths: Tensor = torch.linalg.vector_norm(self.after - self.before, dim=1)
        return lengths

    @cached_property
    def moved(self) -> tuple[Tensor | None, Tensor]:
        """The items that moved, ascending [k] int32, and their rows before, [k, d]. If most of all items moved: None and all rows."""
        places = self.lengths.nonzero().flatten()
        if self.touched is None:
            items = places
            if len(items) > len(self.before) // 2:
                return None, self.before
        else:
            items, order = self.touched.index_select(0, places).sort()
            places = places.index_select(0, order)
        return items.int(), self.before.index_select(0, places)


@dataclass(frozen=True, slots=True)
class ItemChanges:
    """How far a round moved each item."""

    lengths: Tensor  # [J]
    touched: Tensor | None  # [J] int64, the items that may have moved; None: all of them, and J = M
    n_items: int

    def delta_norm(self) -> Tensor:
        """Return Delta-Norm, Eq. (7), of all items, [M]."""
        if self.touched is None:
            return self.lengths
        return self.lengths.new_zeros(self.n_items).index_copy_(0, self.touched, self.lengths)


@dataclass(frozen=True, slots=True)
class RoundResult:
    """One finished communication round."""

    round: int  # from 1
    epoch: int  # from 1
    ends_epoch: bool
    loss: float  # mean of the benign clients' losses (Eq. 2); nan when no benign client was sampled
    changes: ItemChanges
    seconds: float
    telemetry: Mapping[str, float]  # by the names of `fedrec.federation.telemetry`; part of it may be computed when it is first read

    @property
    def delta_norm(self) -> Tensor:
        """Delta-Norm of all items, Eq. (7), [M]."""
        return self.changes.delta_norm()


def gather(users: Tensor, global_model: GlobalModel, batch: ClientBatch) -> LocalModel:
    """Copy what the clients of a batch train on into leaves; users [C, d] are their embeddings."""
    return LocalModel(users.detach().clone().requires_grad_(), global_model.items[batch.items].requires_grad_(), global_model)
