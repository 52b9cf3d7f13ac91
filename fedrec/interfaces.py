"""Every value that travels in a round and every protocol; imports nothing of fedrec but what clients upload and ragged kernels.

One round: `ClientBatch` and `GlobalModel` -> `LocalGradients` -> `Upload` (benign and poison, in sampling order) -> one gradient
per global parameter -> next `GlobalModel`. Letters in shape comments: U users, M items, C benign clients, A malicious clients,
S = C + A sampled clients, E training pairs of a round, n uploaded rows, N mined items, T targets, d embedding size.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Protocol

import torch
from pydantic import Field
from torch import Generator, Tensor
from torch.func import grad, vmap

from fedrec.segments import segment_numbers, segment_sum
from fedrec.uploads import DenseRows, InteractionGradients, Rows, Upload

NUMBERS_AT_ONCE = 2_000_000  # of embeddings held at once while every item is scored

# Ranges of options: `fedrec.config` checks a yaml against the annotations of the constructor that it names.
Positive = Annotated[int, Field(ge=1)]
NonNegative = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=0.5)]


@dataclass(frozen=True)
class ClientBatch:
    """The private data D_i of the benign clients of one round; client c owns pairs offsets[c]:offsets[c + 1], positives first."""

    clients: Tensor  # [C] int64 user ids
    offsets: Tensor  # [C + 1] int32
    items: Tensor  # [E] int32
    labels: Tensor  # [E] float32 in {0, 1}

    @cached_property
    def sizes(self) -> Tensor:
        return self.offsets.diff()  # [C]

    @cached_property
    def segments(self) -> Tensor:
        """Position in `clients` of each pair, [E] int32."""
        return segment_numbers(self.offsets)


@dataclass(frozen=True, slots=True)
class GlobalModel:
    """What the server broadcasts: all that an attacker may know of the model. Never changed in place."""

    items: Tensor  # [M, d]
    interaction: Mapping[str, Tensor] = field(default_factory=dict)  # parameters of the interaction function, {} for MF


@dataclass(frozen=True, slots=True)
class LocalModel:
    """The leaves of one round, gathered so that no two clients share one: autograd then yields per-client gradients."""

    users: Tensor  # [C, d]
    rows: Tensor  # [E, d], rows[k] embeds batch.items[k]
    received: GlobalModel  # constants


@dataclass(frozen=True, slots=True)
class LocalGradients:
    """What local training of C clients yields: `rows` add up to the gradient rows of batch.items, a block per client."""

    loss: Tensor  # [C]
    users: Tensor  # [C, d]
    rows: tuple[Rows, ...]
    interaction: InteractionGradients | None = None  # None if the interaction function has no parameters


@dataclass(frozen=True, slots=True)
class AttackerView:
    """An attack's only argument in a round: what its sampled malicious clients legitimately receive (Sec. III-B)."""

    round: int
    clients: Tensor  # [A] sampled malicious clients, numbered from 0
    model: GlobalModel
    learning_rate: float  # eta, unified, specified by the server (Sec. III-A)


@dataclass(frozen=True, slots=True)
class PriorWanted:
    """What an attack asks to know beyond the threat model; nothing unless its options say so."""

    interactions: float = 0.0  # share xi of each user's training items
    popularity: bool = False


@dataclass(frozen=True, slots=True)
class PriorKnowledge:
    """What an attack that asked for it knows beyond the threat model (Table I); None otherwise."""

    interactions: tuple[Tensor, Tensor] | None = None  # known pairs: users [K] int64, ascending, and items [K] int64
    popularity_ranks: Tensor | None = None  # [M] int64, 1 = most interactions in training


@dataclass(frozen=True, slots=True)
class AttackerKnowledge:
    """An attack's only argument before training (Sec. III-B): its own clients, what every participant knows, its goal."""

    n_clients: int  # malicious clients
    n_items: int
    model: "Model"  # structure of the recommender, without its parameters
    loss: "Loss"  # what every client trains
    target_items: Tensor  # [T] int64
    seed: int  # the attack's own
    prior: PriorKnowledge = PriorKnowledge()


@dataclass(frozen=True, slots=True)
class ServerView:
    """What an aggregator is told in a round beside the upload: what the server has broadcast."""

    round: int
    model: GlobalModel
    learning_rate: float  # eta


@dataclass(frozen=True, slots=True)
class ServerKnowledge:
    """An aggregator's only argument before training; who is malicious and what for, no server knows."""

    n_clients: int  # all, malicious ones included
    n_items: int
    model: "Model"
    loss: "Loss"
    seed: int  # the aggregator's own
    device: torch.device
    root: ClientBatch | None = None  # D_i of the benign users whose data the server owns, if the aggregator asked for any


@dataclass(frozen=True, slots=True)
class Aggregation:
    """What an aggregator made of an upload, and, if it is a robust rule, what it decided: the telemetry of a round tells why it failed."""

    gradient: GlobalModel  # items [M, d] and every interaction parameter that somebody sent a gradient for
    fell_back: Tensor | None = None  # [k] int64, items with too few rows for the rule
    unguarded: Tensor | None = None  # [k] int64, items with so few rows that the rule tolerates no malicious one
    judged: Tensor | None = None  # [k] int64 positions in `Upload.clients`: who sent each upload that a selecting rule decided on
    kept: Tensor | None = None  # [k] bool, its decisions


@dataclass(frozen=True, slots=True)
class RoundResult:
    """One finished communication round."""

    round: int  # from 1
    epoch: int  # from 1
    ends_epoch: bool
    loss: float  # mean of the benign clients' losses (Eq. 2); nan when no benign client was sampled
    delta_norm: Tensor  # [M], Eq. (7)
    seconds: float
    telemetry: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics after a round; every value in [0, 1] unless its name says otherwise."""

    round: int
    epoch: int
    metrics: Mapping[str, float]


class Loss(Protocol):
    def __call__(self, scores: Tensor, batch: ClientBatch) -> tuple[Tensor, Tensor]:
        """Scores [E] -> the loss of each client [C] and its derivative by each score [E]."""


class Model(ABC):
    """A recommender: `score` is the paper's interaction function Psi before its sigmoid."""

    paper: ClassVar[str] = ""  # short citation, for the catalog

    @abstractmethod
    def initialise(self, n_users: int, n_items: int, generator: Generator) -> tuple[Tensor, GlobalModel]:
        """User embeddings [U, d], private to the clients, and the global model."""

    @abstractmethod
    def score(self, users: Tensor, items: Tensor, interaction: Mapping[str, Tensor]) -> Tensor:
        """[..., d] and [..., d] -> [...]; differentiable."""

    def score_all(self, users: Tensor, model: GlobalModel, out: Tensor) -> None:
        """Write the score of every item for every user; users [B, d], out [M, B]. A model may override this with a faster way."""
        for rows in torch.arange(len(model.items)).split(max(1, NUMBERS_AT_ONCE // users.numel())):
            items = slice(int(rows[0]), int(rows[-1]) + 1)
            out[items] = self.score(users[None], model.items[items, None], model.interaction)

    def local_gradients(self, users: Tensor, received: GlobalModel, batch: ClientBatch, loss: Loss) -> LocalGradients:
        """Per-client gradients by automatic differentiation of `score`; a model may override this with its closed form."""
        local = gather(users, received, batch)
        parameters = {name: value.detach().clone().requires_grad_() for name, value in received.interaction.items()}
        with torch.enable_grad():
            scores = self.score(local.users[batch.segments], local.rows, parameters)  # [E]
            value, derivative = loss(scores.detach(), batch)
            leaves = (local.users, local.rows, *parameters.values())
            user_gradient, rows, *total = torch.autograd.grad(scores, leaves, derivative, materialize_grads=True)
        summed = dict(zip(parameters, total, strict=True))
        interaction = PairwiseInteraction(self, users, received, batch, derivative, summed) if summed else None
        return LocalGradients(value, user_gradient, (DenseRows(rows),), interaction)

    def fit_users(
        self, users: Tensor, items: Tensor, interaction: Mapping[str, Tensor], label: float, learning_rate: float, steps: int
    ) -> Tensor:
        """Users [n, d] after gradient steps on the mean binary cross-entropy of their scores for all items [T, d] with one label.

        By automatic differentiation of `score`; a model may override this with a faster way.
        """
        for _ in range(steps):
            leaf = users.detach().clone().requires_grad_()
            with torch.enable_grad():
                scores = self.score(leaf[:, None], items, interaction)  # [n, T]
            (gradient,) = torch.autograd.grad(scores, leaf, (torch.sigmoid(scores.detach()) - label) / len(items))
            users = users - learning_rate * gradient
        return users


@dataclass(frozen=True, slots=True)
class PairwiseInteraction:
    """Gradients of the interaction function by automatic differentiation, of each client pair by pair."""

    model: Model
    users: Tensor  # [C, d]
    received: GlobalModel
    batch: ClientBatch
    derivative: Tensor  # [E] of the loss by each score
    summed: Mapping[str, Tensor]

    def total(self) -> Mapping[str, Tensor]:
        return self.summed

    def per_client(self) -> Mapping[str, Tensor]:
        def score(parameters: Mapping[str, Tensor], user: Tensor, row: Tensor) -> Tensor:
            return self.model.score(user, row, parameters)

        batch, pairs = self.batch, torch.arange(len(self.derivative), device=self.derivative.device)
        if not len(pairs):  # vmap needs one
            return {name: value.new_zeros(len(batch.clients), *value.shape) for name, value in self.received.interaction.items()}
        by_pair = vmap(grad(score), in_dims=(None, 0, 0))
        rows = self.received.items[batch.items]
        gradients = by_pair(dict(self.received.interaction), self.users[batch.segments], rows)  # {name: [E, ...]}
        sums = {}
        for name, value in gradients.items():
            flat = value.reshape(len(pairs), math.prod(value.shape[1:]))
            total = segment_sum(flat, pairs, batch.offsets.long(), self.derivative)
            sums[name] = total.view(-1, *value.shape[1:])
        return sums


class ClientDefense(ABC):
    """A regulariser that every benign client adds to its training loss."""

    paper: ClassVar[str] = ""  # short citation, for the catalog
    applies_to: ClassVar[str] = ""  # MF-FRS, DL-FRS

    @abstractmethod
    def begin(self, n_clients: int, n_items: int) -> None:
        """Run-time facts, once. Raises ValueError if an option does not fit them."""

    @abstractmethod
    def observe(self, round: int, clients: Tensor, received: GlobalModel) -> None:
        """Clients [C] receive the global model; memory changes here only."""

    @abstractmethod
    def penalty(self, local: LocalModel, batch: ClientBatch) -> Tensor:
        """What is added to each client's loss, [C]; pure and differentiable."""

    def penalty_gradients(self, users: Tensor, received: GlobalModel, batch: ClientBatch) -> LocalGradients:
        """Gradients of `penalty` by automatic differentiation; a defense may override this with its closed form."""
        local = gather(users, received, batch)
        with torch.enable_grad():
            value = self.penalty(local, batch)
            user_gradient, rows = torch.autograd.grad(value.sum(), (local.users, local.rows), materialize_grads=True)
        return LocalGradients(value.detach(), user_gradient, (DenseRows(rows),))

    @abstractmethod
    def state_dict(self) -> dict[str, Any]: ...

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


class Aggregator(ABC):
    """Agg of Sec. III-A: all gradients uploaded in a round -> one gradient per global parameter. Rows and gradients are finite."""

    paper: ClassVar[str] = ""  # short citation, for the catalog
    applies_to: ClassVar[str] = ""  # MF-FRS, DL-FRS

    def root_wanted(self) -> float:
        """The share of benign users whose data `begin` shall be told."""
        return 0.0

    def begin(self, known: ServerKnowledge) -> None:  # noqa: B027 - most aggregators need to know nothing
        """Run-time facts, once. Raises ValueError if an option does not fit them."""

    @abstractmethod
    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        """The gradients to step along; memory changes here only."""

    def state_dict(self) -> dict[str, Any]:
        """What an aggregator remembers from round to round; most remember nothing."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:  # noqa: B027
        """Go on from there."""


class Transform(ABC):
    """What is done to uploads before they are aggregated."""

    paper: ClassVar[str] = ""  # short citation, for the catalog
    applies_to: ClassVar[str] = ""  # MF-FRS, DL-FRS

    @abstractmethod
    def __call__(self, upload: Upload, view: ServerView) -> Upload:
        """From the same clients; pure."""


@dataclass(frozen=True, slots=True)
class Defense:
    """A defense yaml fills one part or more; an absent part is no defense there. Transforms are applied in the order they are listed in.

    The catalog reads `paper` and `applies_to` off the classes of all parts.
    """

    client: ClientDefense | None = None
    transforms: Sequence[Transform] = ()
    server: Aggregator | None = None


@dataclass(kw_only=True)
class Attack(ABC):
    """Every attack has targets, `none` too: exposure without an attack is measured on them."""

    takes_part: ClassVar[bool] = True  # whether malicious clients join the federation
    paper: ClassVar[str] = ""  # short citation, for the catalog
    knowledge: ClassVar[str] = ""  # what it needs beyond the threat model of Sec. III-B (Table I)
    applies_to: ClassVar[str] = ""  # MF-FRS, DL-FRS

    num_targets: Positive
    targets: Literal["random", "unpopular", "published"] | list[Annotated[int, Field(ge=0)]]

    def prior_wanted(self) -> PriorWanted:
        """What `begin` shall be told beyond the threat model."""
        return PriorWanted()

    @abstractmethod
    def begin(self, known: AttackerKnowledge) -> None:
        """Run-time facts, once. Raises ValueError if an option does not fit them."""

    @abstractmethod
    def poison(self, view: AttackerView) -> Upload:
        """The poisonous gradients of the sampled malicious clients; may be empty, never None."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]: ...

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


Status = Literal["FINISHED", "FAILED", "KILLED", "PRUNED"]


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What a callback is told at the start of a run."""

    config: Mapping[str, Any]  # the whole configuration, resolved
    folder: Path  # the run's own folder, exists
    n_rounds: int
    target_items: Sequence[int]
    popularity: Tensor  # [M] int64, interactions of each item in training
    popularity_ranks: Tensor  # [M] int64, 1 = most interactions in training
    statistics: Mapping[str, float]  # of the data set: users, items, interactions, rate, sparsity
    data_checksum: str  # of the split


class Pruned(Exception):
    """A callback raises it to end a run that is not worth going on."""


class Callback(Protocol):
    """Watches a run, never changes it, but may end it early (`Pruned`)."""

    def on_run_start(self, info: RunInfo) -> None: ...

    def on_round_end(self, result: RoundResult) -> None: ...

    def on_evaluation(self, evaluation: Evaluation) -> None: ...

    def on_run_end(self, status: Status, summary: Mapping[str, Any]) -> Mapping[str, Any]:
        """Called once however the run ends; what it returns is added to the summary (a tracker returns its run id)."""


def gather(users: Tensor, received: GlobalModel, batch: ClientBatch) -> LocalModel:
    """Copy what the clients of a batch train on into leaves; users [C, d] are theirs."""
    return LocalModel(users.detach().clone().requires_grad_(), received.items[batch.items].requires_grad_(), received)
