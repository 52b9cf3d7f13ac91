"""A defense: what clients add to their loss, what the server does to uploads before it aggregates them, and how it aggregates them."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor

from fedrec.interfaces.gradient_rows import DenseRows
from fedrec.interfaces.model import Loss, Model
from fedrec.interfaces.round import ClientBatch, GlobalModel, LocalGradients, LocalModel, ReplacedRows, gather
from fedrec.interfaces.upload import Upload
from fedrec.randomness import generator

MANY_ITEMS = 20_000  # from so many on a sum names the items that it touches, because a step on all would cost more than the rest of a round


@dataclass(frozen=True, slots=True)
class ServerView:
    """What a transform and an aggregator are told in a round besides the upload: what the server has broadcast."""

    round: int
    model: GlobalModel
    learning_rate: float  # eta, which clients are told
    optimizer: Callable[[Tensor, Tensor], Tensor] | None = None  # what `change_of` asks; None: gradient descent with eta
    seed: int = 0  # the server's own, the same in every round

    def change_of(self, items: Tensor, rows: Tensor) -> Tensor:
        """Return how far the server would move items [n] if rows [n, d] were their gradients, [n, d]."""
        return -self.learning_rate * rows if self.optimizer is None else self.optimizer(items, rows)

    def generator(self, name: str) -> Generator:
        """Return the random numbers called `name` of this round. They follow from seed, round and name alone."""
        return generator(self.seed, f"{name}/{self.round}")


@dataclass(frozen=True, slots=True)
class ServerKnowledge:
    """What an aggregator is told once, before training. No server knows who is malicious and what for."""

    n_clients: int  # all clients, malicious ones included
    n_items: int
    model: Model
    loss: Loss
    seed: int  # the aggregator's own
    device: torch.device
    root: ClientBatch | None = None  # D_i of the benign users whose data the server owns, if the aggregator wants any


@dataclass(frozen=True, slots=True)
class Aggregation:
    """What an aggregator made of an upload. A robust rule adds what it decided, so that telemetry can tell why it failed."""

    gradient: GlobalModel  # items [J, d], and every parameter of the scorer that somebody sent a gradient for
    fell_back: Tensor | None = None  # [k] int64, items with too few rows for the rule
    unguarded: Tensor | None = None  # [k] int64, items with so few rows that the rule tolerates no malicious one
    inspected: Tensor | None = None  # [k] int64 positions in `Upload.clients`: who sent each upload that a selecting rule decided on
    accepted: Tensor | None = None  # [k] bool, its decisions
    touched: Tensor | None = None  # [J] int64, the distinct items that gradient.items are for; None: all of them, and J = M


class ClientDefense(ABC):
    """A regulariser that every benign client adds to its training loss. It needs `penalty` and a yaml."""

    paper: ClassVar[str] = ""  # short citation, for the catalog
    applies_to: ClassVar[str] = ""  # MF-FRS, DL-FRS, Fed-LightGCN
    keeps_models: ClassVar[bool] = True  # whether it may need a global model after its round without having copied it

    def setup(self, n_clients: int, n_items: int) -> None:  # noqa: B027 - a defense may need to know nothing
        """Learn the sizes of the federation, once. Raises ValueError if an option does not fit them."""

    def observe(self, round: int, clients: Tensor, global_model: GlobalModel) -> None:  # noqa: B027 - or to remember nothing
        """Let clients [C] receive the global model, before they train; memory changes here only."""

    def follow(self, replaced: ReplacedRows) -> None:  # noqa: B027 - or not care what a round changed
        """See which rows of items the round replaced, at its end."""

    @abstractmethod
    def penalty(self, local: LocalModel, batch: ClientBatch) -> Tensor:
        """Return what is added to each client's loss, [C]; pure and differentiable."""

    def penalty_gradients(self, users: Tensor, global_model: GlobalModel, batch: ClientBatch) -> LocalGradients:
        """Return the gradients of `penalty`, by automatic differentiation unless a defense overrides this with its closed form."""
        local = gather(users, global_model, batch)
        with torch.enable_grad():
            value = self.penalty(local, batch)
            user_gradient, rows = torch.autograd.grad(value.sum(), (local.users, local.rows), materialize_grads=True)
        return LocalGradients(value.detach(), user_gradient, (DenseRows(rows / batch.counts[:, None]),))

    def mined_items(self) -> Tensor | None:
        """Return the items that clients have mined as popular, [clients that have mined, N] int; None if the defense mines none."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """Return what the clients remember from round to round."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:  # noqa: B027
        """Continue from what `state_dict` returned."""


class Aggregator(ABC):
    """Agg of Sec. III-A: from all gradients of a round, which are finite, to one gradient per global parameter."""

    paper: ClassVar[str] = ""  # short citation, for the catalog
    applies_to: ClassVar[str] = ""  # MF-FRS, DL-FRS, Fed-LightGCN
    memory: ClassVar[tuple[str, ...]] = ()  # fields that change from round to round
    keeps_models: ClassVar[bool] = True  # whether it may need a global model after its round without having copied it

    def root_wanted(self) -> float:
        """Return the share of the benign users whose data `setup` shall be told."""
        return 0.0

    def setup(self, known: ServerKnowledge) -> None:  # noqa: B027 - most aggregators need to know nothing
        """Prepare for a run, once. Raises ValueError if an option does not fit."""

    @abstractmethod
    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        """Return the gradients to step along. Only here may an aggregator remember anything."""

    def state_dict(self) -> dict[str, Any]:
        """Return copies of the fields in `memory`, for a checkpoint."""
        return {name: copy.deepcopy(getattr(self, name)) for name in self.memory}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        vars(self).update(copy.deepcopy(dict(state)))


class Transform(ABC):
    """A change of uploads before they are aggregated."""

    paper: ClassVar[str] = ""  # short citation, for the catalog
    applies_to: ClassVar[str] = ""  # MF-FRS, DL-FRS, Fed-LightGCN
    keeps_models: ClassVar[bool] = True  # whether it may need a global model after its round without having copied it

    @abstractmethod
    def __call__(self, upload: Upload, view: ServerView) -> Upload:
        """Return an upload of the same clients; pure."""


@dataclass(frozen=True, slots=True)
class Defense:
    """A defense yaml fills one part or more; an absent part defends nothing. Transforms are applied in the order of the list."""

    client: ClientDefense | None = None
    transforms: Sequence[Transform] = ()
    server: Aggregator | None = None
