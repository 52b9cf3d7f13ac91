"""The federation that an `Experiment` trains when its clients are nodes of Flower: the server is here, all else is there."""

from collections.abc import Mapping
from typing import Any

import torch
from flwr.app import ConfigRecord
from flwr.serverapp import Grid
from torch import Tensor

from fedrec.federation.system import System
from fedrec.federation.telemetry.filtering import describe_filtering
from fedrec.federation.telemetry.stealth import describe_poison
from fedrec.federation.telemetry.stopwatch import Stopwatch
from fedrec.federation.telemetry.unread import Unread
from fedrec.flower.messages import of_model, to_model
from fedrec.flower.replies import Received
from fedrec.flower.strategy import RobustStrategy
from fedrec.interfaces import ItemChanges


class RemoteSystem(System):
    """A system whose rounds happen in the nodes. It keeps the global model, the optimizer and what the aggregator remembers."""

    strategy: RobustStrategy
    grid: Grid

    @classmethod
    def of(cls, system: System, strategy: RobustStrategy, grid: Grid) -> "RemoteSystem":
        """Return a system that goes on where another one, which has been set up, stands. It forgets the users and their data."""
        remote = cls.__new__(cls)
        vars(remote).update(vars(system))
        remote.strategy, remote.grid, remote.users = strategy, grid, system.users[:0]
        del remote.data
        return remote

    def _train(self) -> tuple[float, ItemChanges, Mapping[str, float]]:
        """Train one round in the nodes. Return what `System._train` returns."""
        stopwatch, number = Stopwatch(self.device), self.round + 1
        messages = self.strategy.configure_train(number, of_model(self.global_model), ConfigRecord(), self.grid)
        replies = stopwatch.lap("seconds_training", list(self.grid.send_and_receive(messages, timeout=self.strategy.timeout)))
        arrays, metrics = stopwatch.lap("seconds_aggregation", self.strategy.aggregate_train(number, replies))
        told: dict[str, float] = {name.replace("-", "_"): float(value) for name, value in (metrics or {}).items()}
        known = {"seconds_in_nodes": told.pop("seconds", 0.0), **told, **stopwatch.laps}
        loss, received = known.pop("loss", float("nan")), self.strategy.received
        if arrays is None or received is None:
            return loss, self._nothing_moved(), known
        self.global_model = to_model(arrays)
        self._mean(received.changes.lengths, "change of the item embeddings")
        known |= describe_filtering(received.aggregation, received.upload, self._is_malicious(received), self.targets)
        return loss, received.changes, Unread(known, lambda: self._stealth(received))

    def _nothing_moved(self) -> ItemChanges:
        return ItemChanges(self.global_model.items.new_zeros(0), torch.zeros(0, dtype=torch.int64), self.n_items)

    def _is_malicious(self, received: Received) -> Tensor:
        """Which of the sampled clients [S] are malicious: the experiment knows, the strategy does not."""
        return received.sampled >= self.n_users

    def _stealth(self, received: Received) -> dict[str, float]:
        """Return how the attacker's rows differ from those of the users."""
        is_malicious = self._is_malicious(received)
        honest, poison = (received.upload.from_clients(chosen) for chosen in (~is_malicious, is_malicious))
        return describe_poison(honest.groups[0], poison if is_malicious.any() else None, self.targets, self.n_items)

    def mined_items(self) -> dict[str, Tensor]:
        """Return nothing: what clients have mined stays with them."""
        return {}

    def _stateful_parts(self) -> dict[str, Any]:
        parts = {"optimizer": self.optimizer, "server": self.defense.server}
        return {name: part for name, part in parts.items() if part is not None}
