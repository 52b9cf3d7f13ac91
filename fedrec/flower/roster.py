"""Which clients the nodes of a federation hold, and who of them is there."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from flwr.app import Message, MessageType, RecordDict
from flwr.serverapp import Grid
from torch import Tensor

from fedrec.flower.messages import CONFIG

log = logging.getLogger(__name__)
LONGEST_PAUSE = 1.0  # s, between two looks at who is there


@dataclass(frozen=True, slots=True)
class Member:
    """A node of the federation; its clients have consecutive numbers."""

    name: int  # its own, which stays when it comes back under another id of Flower
    node_id: int  # Flower's
    clients: range


@dataclass
class Roster:
    """Nodes introduce themselves once. Whoever comes back has the same name and the same clients, and is asked again."""

    members: dict[int, Member] = field(default_factory=dict)  # by name
    refused: dict[int, str] = field(default_factory=dict)  # Flower's id -> why

    @property
    def n_clients(self) -> int:
        return sum(len(member.clients) for member in self.members.values())

    def gather(self, grid: Grid, n_nodes: int, timeout: float) -> None:
        """Wait until n nodes have said which clients they have, and number these by the names of the nodes.

        Raises TimeoutError if there are fewer after so many seconds, or if too many are refused.
        """
        ends, told = time.monotonic() + timeout, dict[int, tuple[int, int]]()  # name -> Flower's id, number of clients
        while len(told) < n_nodes:
            waiting = ends - time.monotonic()
            known = {node_id for node_id, _ in told.values()}
            if fresh := set(grid.get_node_ids()) - known - self.refused.keys():
                for node_id, name, n_clients in self._ask(grid, fresh, max(waiting, 0.0)):
                    told.setdefault(name, (node_id, n_clients))
            elif waiting <= 0 or len(told) + len(self.refused) >= n_nodes:
                refused = "".join(f"; {why}" for why in self.refused.values())
                raise TimeoutError(f"{len(told)} of {n_nodes} nodes have joined{refused}")
            else:
                time.sleep(min(waiting, LONGEST_PAUSE))
        first = 0
        for name, (node_id, n_clients) in sorted(told.items()):
            self.members[name] = Member(name, node_id, range(first, first + n_clients))
            first += n_clients

    def present(self, grid: Grid, timeout: float) -> list[Member]:
        """Return the members that are there, in the order of their clients, once there are any.

        Raises TimeoutError if there is none for so many seconds.
        """
        ends = time.monotonic() + timeout
        while not (present := self._present(grid, timeout)):
            if time.monotonic() > ends:
                raise TimeoutError(f"no node has been there for {timeout:.0f} s")
            time.sleep(LONGEST_PAUSE)
        return present

    def _present(self, grid: Grid, timeout: float) -> list[Member]:
        """Return the members that are there now. Nodes under new ids are asked who they are."""
        here = set(grid.get_node_ids())
        known = {member.node_id for member in self.members.values()} | self.refused.keys()
        for node_id, name, n_clients in self._ask(grid, here - known, timeout) if here - known else ():
            member = self.members.get(name)
            if member is None or n_clients != len(member.clients) or member.node_id in here:
                self.refused[node_id] = f"node {name} with {n_clients} clients is not one that has left"
                log.warning("refused: %s", self.refused[node_id])
            else:
                self.members[name] = Member(name, node_id, member.clients)
                log.info("node %d is back", name)
        return [member for member in self.members.values() if member.node_id in here]

    def _ask(self, grid: Grid, node_ids: Iterable[int], timeout: float) -> list[tuple[int, int, int]]:
        """Return Flower's id, the name and the number of clients of the nodes that answer; the others are refused."""
        messages = [Message(RecordDict(), dst_node_id=one, message_type=MessageType.QUERY) for one in node_ids]
        found = []
        for reply in grid.send_and_receive(messages, timeout=timeout):
            node_id = reply.metadata.src_node_id
            try:
                said = None if reply.has_error() else reply.content[CONFIG]
                if said is None:
                    raise ValueError(reply.error.reason)
                name, n_clients = said["node"], said["clients"]
                if type(name) is not int or type(n_clients) is not int or n_clients < 1:
                    raise ValueError(f"node={name!r}, clients={n_clients!r}")
                found.append((node_id, name, n_clients))
            except (KeyError, TypeError, ValueError) as error:
                self.refused[node_id] = f"a node does not say which clients it has: {error}"
                log.warning("refused: %s", self.refused[node_id])
        return found

    def places(self, sampled: Tensor) -> dict[int, Tensor]:
        """Return, by the name of each node, the places in sampled client numbers [S] where its clients stand, [C]."""
        parts = {name: (sampled >= one.clients.start) & (sampled < one.clients.stop) for name, one in self.members.items()}
        return {name: part.nonzero().flatten() for name, part in parts.items() if bool(torch.any(part))}
