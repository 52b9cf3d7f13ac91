"""What a node of the federation holds: the data and embeddings of its users, or what the attacker knows.

The clients of all nodes are numbered one after the other: the users first, then the malicious clients. If there are any, the last node is
the attacker's and holds all of them. The users are shared out evenly among the others, in the order of their numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fedrec.data.federated_data import FederatedData
from fedrec.experiment import Experiment
from fedrec.interfaces import Interactions, Split


@dataclass(frozen=True, slots=True)
class UserShard:
    """The users of a node, numbered from 0 there. Nothing of it leaves the node but what `train_locally` makes of it."""

    split: Split
    data: FederatedData  # D_i of these users
    embeddings: Tensor  # [u, d] at the start
    rates: Tensor | float  # [u, 1] learning rates of these embeddings, or one for all
    targets: Sequence[int]  # items whose exposure is measured; the users do not know them, the experiment does
    seed: int  # of the experiment

    def state_dict(self) -> dict[str, Any]:
        """Return the shard as `nested_state` can write it."""
        parts = {"train": self.split.train, "test": self.split.test, "validation": self.split.validation}
        return {
            **{name: part and (part.offsets, part.items) for name, part in parts.items()},
            "name": self.split.name,
            "n_items": self.data.n_items,
            "data": (self.data.offsets, self.data.items, self.data.signed_counts),
            "embeddings": self.embeddings,
            "rates": self.rates,
            "targets": list(self.targets),
            "seed": self.seed,
        }

    @classmethod
    def of(cls, state: dict[str, Any]) -> "UserShard":
        """Return the shard that `state_dict` wrote."""
        n_items = state["n_items"]

        def part(name: str) -> Interactions:
            offsets, items = state[name]
            return Interactions(offsets, items, n_items)

        split = Split(state["name"], part("train"), part("test"), None if state["validation"] is None else part("validation"))
        offsets, items, signed_counts = state["data"]
        data = FederatedData(offsets, items, signed_counts, n_items)
        return cls(split, data, state["embeddings"], state["rates"], state["targets"], state["seed"])


def client_numbers(n_users: int, n_malicious: int, n_nodes: int) -> list[range]:
    """Return the clients of each node. Raises ValueError if there are more nodes than clients, or no node for the attacker.

    >>> client_numbers(5, 2, 3)
    [range(0, 3), range(3, 5), range(5, 7)]
    """
    n_honest = n_nodes - bool(n_malicious)
    if not 0 < n_honest <= n_users:
        attacker = " besides the attacker's" if n_malicious else ""
        raise ValueError(f"nodes = {n_nodes}: 1 to {n_users} nodes{attacker} can hold {n_users} users")
    numbers = [range(part[0], part[-1] + 1) for part in map(np.ndarray.tolist, np.array_split(np.arange(n_users), n_honest))]
    return numbers + [range(n_users, n_users + n_malicious)] * bool(n_malicious)


def deal(experiment: Experiment, clients: range) -> dict[str, Any]:
    """Return what the node of these clients holds before the first round of an experiment that nobody has trained yet."""
    system, numbers = experiment.system, torch.tensor(clients)
    if clients.start >= system.n_users:
        known = system.attack.known
        prior = {"interactions": known.prior.interactions, "ranks": known.prior.popularity_ranks, "popularity": known.prior.popularity}
        return {"users": None, "attacker": {"n_items": known.n_items, "targets": known.target_items, "seed": known.seed, **prior}}
    split, rows = experiment.evaluator.split, slice(clients.start, clients.stop)
    own = Split(split.name, split.train.of(numbers), split.test.of(numbers), split.validation and split.validation.of(numbers))
    offsets = system.data.offsets[clients.start : clients.stop + 1]
    pairs = slice(int(offsets[0]), int(offsets[-1]))
    data = FederatedData(offsets - offsets[0], system.data.items[pairs].clone(), system.data.signed_counts[pairs].clone(), system.n_items)
    rates = system.client_rates if isinstance(system.client_rates, float) else system.client_rates[rows].clone()
    shard = UserShard(own, data, system.users[rows].clone(), rates, experiment.evaluator.targets, experiment.info.config["seed"])
    return {"users": shard.state_dict(), "attacker": None}
