"""Benign users whose data the server owns, trained by the server itself on the model that it broadcasts."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from fedrec.interfaces import GlobalModel, RowGroup, ServerKnowledge, ServerView


@dataclass
class RootClients:
    """The server's own copy of their embeddings; the true ones stay private to the clients."""

    known: ServerKnowledge
    users: Tensor  # [R, d]
    holders: Tensor  # [M] how many of them hold each item

    @classmethod
    def of(cls, known: ServerKnowledge) -> "RootClients":
        """Raises ValueError if the server was told no data."""
        if known.root is None:
            raise ValueError("defense.root_share: no data of benign users came")
        generator = Generator().manual_seed(known.seed)
        users, _ = known.model.initialise(len(known.root.clients), known.n_items, generator)
        return cls(known, users.to(known.device), torch.bincount(known.root.items, minlength=known.n_items))

    def train(self, view: ServerView) -> GlobalModel:
        """The sum of their gradients on the model of the round; their embeddings take a step."""
        known = self.known
        assert known.root is not None
        gradients = known.model.local_gradients(self.users, view.model, known.root, known.loss)
        self.users = self.users - view.learning_rate * gradients.users
        owners = torch.arange(len(self.users), device=self.users.device)
        group = RowGroup(owners, known.root.offsets, known.root.items, gradients.rows)
        first, *others = (part.sum(group, known.n_items) for part in group.parts)
        return GlobalModel(sum(others, first), gradients.scorer.total() if gradients.scorer else {})
