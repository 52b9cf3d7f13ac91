"""A node: what it keeps on its own disk, and what it does with a model that it receives.

Each message may start a process, so a node writes its state after each round. A server that goes on from a checkpoint asks for a round
again; then the node goes on from the state that it had before it. States that no server can ask for any more are removed.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fedrec.checkpoints.nested_state import encode
from fedrec.checkpoints.state_files import Damaged, read_about, read_state, write, written
from fedrec.config.build import Checked
from fedrec.config.validation import ConfigError
from fedrec.flower.participants import AttackersClients, Participants, Sums, Users
from fedrec.flower.shard import UserShard
from fedrec.interfaces import GlobalModel, ReplacedRows, Upload

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Storage:
    """States in a folder, each whole or not there. They belong to one federation, whose options they name."""

    folder: Path
    options: Mapping[str, Any]  # texts and numbers

    def write(self, number: int, state: Mapping[str, Any]) -> None:
        """Write a state under a number."""
        tree, tensors = encode(state)
        about = {"round": number, "options": dict(self.options), "data": "", "targets": [], "code": ""}
        write(self.folder, number, about, tree, tensors)

    def read(self, most: int) -> dict[str, Any] | None:
        """Return the latest state whose number is at most `most`, and remove later ones. Raises ConfigError if it is another's."""
        for path in written(self.folder):
            if (number := int(path.name.removeprefix("round_"))) > most:
                shutil.rmtree(path)
                continue
            try:
                about = read_about(path)
                if about["options"] != self.options:
                    raise ConfigError(f"{self.folder}: it belongs to {about['options']}, not to {dict(self.options)}")
                state: dict[str, Any] = read_state(path, CPU)
                return state | {"number": number}
            except Damaged:
                shutil.rmtree(path)
        return None

    def remove_before(self, number: int) -> None:
        """Remove the states that come before the latest one whose number is at most `number`."""
        for path in [path for path in written(self.folder) if int(path.name.removeprefix("round_")) <= number][1:]:
            shutil.rmtree(path)


class Node:
    """The clients of one node, numbered from 0 there, and the state that they had before a round."""

    def __init__(self, storage: Storage, checked: Checked, dealt: Mapping[str, Any], n_clients: int) -> None:
        self.storage, self.n_clients = storage, n_clients
        self.participants: Participants = (
            Users(UserShard.of(dealt["users"]), checked) if dealt["users"] else AttackersClients(dealt["attacker"], n_clients, checked)
        )
        self.before: Tensor | None = None  # [M, d] the items that the node received last

    @classmethod
    def at(cls, folder: Path, options: Mapping[str, Any], checked: Checked, deal: Callable[[], tuple[dict[str, Any], int]]) -> "Node":
        """Return the node that keeps its things in a folder; `deal` says what it holds, and how many clients, if it is new."""
        private = Storage(folder / "private", options)
        if (dealt := private.read(0)) is None:
            own, n_clients = deal()
            dealt = own | {"n_clients": n_clients}
            private.write(0, dealt)
        return cls(Storage(folder / "states", options), checked, dealt, dealt["n_clients"])

    def _return_to(self, round: int) -> None:
        """Take the state that the node had before a round; rounds count from 0."""
        if (state := self.storage.read(round)) is not None:
            self.participants.load_state_dict(state["participants"])
            self.before = state["before"]

    def train(self, round: int, clients: Tensor, model: GlobalModel, safe_round: int) -> tuple[Upload | None, Mapping[str, float]]:
        """Let clients [C] take part in a round, and keep what they have become. No server will ask for a round before `safe_round`."""
        self._return_to(round)
        if self.before is not None:
            self.participants.follow(ReplacedRows(None, self.before, model.items))
        upload, sums = self.participants.take_part(round, clients, model)
        self.storage.write(round + 1, {"participants": self.participants.state_dict(), "before": model.items})
        self.storage.remove_before(safe_round)
        return upload, sums

    def evaluate(self, round: int, model: GlobalModel) -> Sums:
        """Return sums of metrics over the users after so many rounds."""
        self._return_to(round)
        return self.participants.evaluate(model)
