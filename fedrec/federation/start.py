"""What a federation starts from: private data, embeddings, scorer, and perhaps the order in which clients take part."""

from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from fedrec.data.federated_data import FederatedData
from fedrec.interfaces import GlobalModel, Model


@dataclass(frozen=True)
class Start:
    """A start that is given instead of drawn, for instance by another program whose run shall be followed step by step."""

    data: FederatedData  # D_i of every user
    users: Tensor  # [U, d]
    global_model: GlobalModel
    order: Tensor | None = None  # [epochs, clients] int64, a permutation of all clients for each epoch; None: it is drawn

    def copy(self) -> "Start":
        """Return the same start with embeddings of its own."""
        return replace(self, users=self.users.clone(), global_model=self.global_model.clone())

    def to(self, device: torch.device) -> "Start":
        scorer = {name: value.to(device) for name, value in self.global_model.scorer.items()}
        global_model = GlobalModel(self.global_model.items.to(device), scorer)
        return Start(self.data.to(device), self.users.to(device), global_model, self.order)

    def check(self, model: Model, n_users: int, n_items: int, n_clients: int, epochs: int) -> None:
        """Raise ValueError if the start is not one of this federation."""
        users, like = model.initialise(1, 1, Generator())  # for their shapes
        given, wanted = self.global_model, {name: tuple(value.shape) for name, value in like.scorer.items()}
        shapes = {
            "data.offsets": (tuple(self.data.offsets.shape), (n_users + 1,)),
            "data.n_items": (self.data.n_items, n_items),
            "users": (tuple(self.users.shape), (n_users, users.shape[1])),
            "global_model.items": (tuple(given.items.shape), (n_items, like.items.shape[1])),
            "global_model.scorer": ({name: tuple(value.shape) for name, value in given.scorer.items()}, wanted),
        }
        for name, (found, needed) in shapes.items():
            if found != needed:
                raise ValueError(f"start.{name}: {found}, but the federation needs {needed}")
        if self.order is None:
            return
        if self.order.dtype != torch.int64 or self.order.dim() != 2:
            raise ValueError(f"start.order: {self.order.dtype} {tuple(self.order.shape)}, but it must be int64 [epochs, clients]")
        if len(self.order) < epochs:
            raise ValueError(f"start.order: {len(self.order)} epochs, but system.epochs = {epochs}")
        if self.order.shape[1] != n_clients or not (self.order.sort(1).values == torch.arange(n_clients)).all():
            raise ValueError(f"start.order: every epoch must hold each of the clients 0 to {n_clients - 1} once")
