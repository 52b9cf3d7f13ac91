"""A grid of Flower whose nodes live in this process: everything is real but the processes and the wires."""

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flwr.app import Context, Error, Message, MessageType, RecordDict
from flwr.clientapp import ClientApp
from flwr.supercore.task_identity import TaskIdentity

from fedrec.flower import client_app, server_app


@dataclass
class NodesInOneProcess:
    """Answers as the nodes of a federation do. `spoil` may change a reply, or return None for a node that does not answer."""

    folder: Path
    overrides: str
    n_nodes: int
    spoil: Callable[[Message, Message], Message | None] = lambda message, reply: reply
    client: ClientApp = client_app.app
    states: dict[int, RecordDict] = field(default_factory=dict)  # what Flower keeps for each node between two messages
    away: set[int] = field(default_factory=set)  # ids of nodes that are not there
    messages: list[Message] = field(default_factory=list)  # all that were sent

    def __post_init__(self) -> None:
        TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = 1, 0, 1  # messages are made in the name of a task

    def get_node_ids(self) -> Iterable[int]:
        return [number + 1 for number in range(self.n_nodes) if number + 1 not in self.away]

    def send_and_receive(self, messages: Sequence[Message], *, timeout: float | None = None) -> list[Message]:
        self.messages += messages
        replies = [self.spoil(message, self._answer(message)) for message in messages]
        return [reply for reply in replies if reply is not None]

    def _answer(self, message: Message) -> Message:
        number = message.metadata.dst_node_id - 1
        received = copy.deepcopy(message)
        received.metadata.__dict__["_message_id"] = f"{len(self.messages)}"
        node_config = {"partition-id": number, "num-partitions": self.n_nodes, "folder": str(self.folder / "nodes" / str(number))}
        context = Context(1, number + 1, node_config, self.states.setdefault(number, RecordDict()), self.run_config)
        try:
            reply = self.client(received, context)
        except Exception as error:  # as Flower does
            reply = Message(Error(1, str(error)), reply_to=received)
        reply.metadata.__dict__["_src_node_id"] = number + 1
        return reply

    @property
    def run_config(self) -> dict[str, str | int | float]:
        return {"overrides": self.overrides, "folder": str(self.folder / "run"), "nodes": self.n_nodes, "round-timeout": 5.0}

    def train(self) -> None:
        """Run the ServerApp to its end."""
        server_app.main(self, self.context_of_server())

    def context_of_server(self) -> Context:
        return Context(1, 0, {}, RecordDict(), self.run_config)


def is_training(message: Message) -> bool:
    return message.metadata.message_type == MessageType.TRAIN
