"""Flower's server with any server half of a defense of fedrec: sparse rows of items, and the layers of DL-FRS.

It may be used alone, with clients of one's own: README.md shows how, and `messages` says what they send.
"""

import logging
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy

from fedrec.aggregation.aggregate import aggregate
from fedrec.aggregation.finite_rows import finite
from fedrec.api.composing import compose
from fedrec.config.build import check
from fedrec.federation.client_sampling import ClientSampler, Sampling
from fedrec.federation.server_optimizer import ServerOptimizer
from fedrec.federation.server_step import step
from fedrec.federation.system import System
from fedrec.flower.messages import CONFIG, MODEL, merged, of_model, tensors_of, to_model
from fedrec.flower.replies import Received, Round, means_of, sums_of
from fedrec.flower.roster import Member, Roster
from fedrec.interfaces import Defense, Model, ServerKnowledge, ServerView
from fedrec.models.losses import LOSSES
from fedrec.randomness import derived_seed

log = logging.getLogger(__name__)


@dataclass
class RobustStrategy(Strategy):
    """Rounds as `fedrec.main` has them: the clients of a round are drawn from all nodes, and a step follows from what the defense makes.

    A node that is away, is too slow, or sends what no client can send costs the uploads of its clients, and nothing else. The metrics of
    a round say how many there were: `nodes`, `nodes-missing`, `replies-failed`, `replies-refused`, `clients`, `clients-silent`,
    `dropped-uploads`, `sent-bytes`, `received-bytes`; and how many `seconds` all nodes together have worked.
    """

    model: Model
    defense: Defense
    sampling: Sampling
    clients_per_round: int
    learning_rate: float
    optimizer: ServerOptimizer
    loss: str
    seed: int
    n_nodes: int = 1  # that a federation waits for before its first round
    timeout: float = 600.0  # s, for the replies of a round
    evaluates: bool = True  # whether nodes are asked how good the model is
    sampler: ClientSampler | None = None  # of a defense that knows its federation already; None: both follow from the nodes
    safe_round: int = 0  # that the server may go back to
    roster: Roster = field(default_factory=Roster)
    received: Received | None = None  # of the last round
    _round: Round | None = None
    _evaluating: dict[int, Member] = field(default_factory=dict)  # nodes that were asked how good the model is

    @classmethod
    def of(cls, overrides: str, **others: Any) -> "RobustStrategy":
        """Return the strategy of a configuration, `model=mf defense=[norm_bound,median] system.clients_per_round=64` for instance.

        `others` are fields of the strategy: `n_nodes`, `timeout`, `evaluates`.

        Raises ValueError in one line for bad input, as `fedrec.compose` does.
        """
        checked = check(compose(*shlex.split(overrides)))
        model, defense, system = (checked.parts[group].build() for group in ("model", "defense", "system"))
        return cls.of_parts(model, defense, system, checked.config.seed, **others)

    @classmethod
    def of_parts(cls, model: Model, defense: Defense, system: System, seed: int, **others: Any) -> "RobustStrategy":
        """Return the strategy of parts that are built already."""
        rate = system.server_learning_rate or system.learning_rate
        optimizer = ServerOptimizer(system.server_optimizer, rate, system.server_momentum, system.server_betas)
        rounds = system.sampling, system.clients_per_round, system.learning_rate
        return cls(model, defense, *rounds, optimizer, system.loss, seed, **others)

    def summary(self) -> None:
        """Log who takes part."""
        log.info("%d nodes with %d clients", len(self.roster.members), self.roster.n_clients)

    def begin(self, grid: Grid, n_items: int) -> None:
        """Wait for the nodes, and tell the defense how large the federation is. Raises ValueError if that cannot be."""
        if self.roster.members:
            return
        self.roster.gather(grid, self.n_nodes, self.timeout)
        n_clients = self.roster.n_clients
        if self.sampler is None:
            self.sampler = ClientSampler(n_clients, self.clients_per_round, self.sampling, self.seed)
            if server := self.defense.server:
                if server.root_wanted():
                    raise ValueError(f"{type(server).__name__} needs data of its own, which this server has not")
                own_seed = derived_seed(self.seed, "server")
                server.setup(ServerKnowledge(n_clients, n_items, self.model, LOSSES[self.loss], own_seed, torch.device("cpu")))
        elif self.sampler.n_clients != n_clients:
            raise ValueError(f"the nodes have {n_clients} clients, but the experiment has {self.sampler.n_clients}")
        self.summary()

    def configure_train(self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid) -> list[Message]:
        """Ask each node for the uploads of its sampled clients; server_round counts from 1."""
        model, number = to_model(arrays), server_round - 1
        self.begin(grid, len(model.items))
        assert self.sampler is not None
        sampled = self.sampler.sample(number)
        places = self.roster.places(sampled)
        asked = {one.node_id: one for one in self.roster.present(grid, self.timeout) if one.name in places}
        if away := places.keys() - {one.name for one in asked.values()}:
            log.warning("round %d: nodes that are away: %s", server_round, ", ".join(map(str, sorted(away))))
        self._round = Round(number, model, sampled, places, asked)
        rounds = {"round": number, "safe-round": self.safe_round, "server-round": server_round}
        messages = []
        for node_id, member in asked.items():
            clients = (sampled[places[member.name]] - member.clients.start).tolist()
            content = RecordDict({MODEL: arrays, CONFIG: ConfigRecord({**config, **rounds, "clients": clients})})
            messages.append(Message(content, dst_node_id=node_id, message_type=MessageType.TRAIN, group_id=str(server_round)))
        return messages

    def aggregate_train(self, server_round: int, replies: Iterable[Message]) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Step along what the defense makes of the replies. Without any the model stays as it is."""
        this = self._round
        assert this is not None
        by_node, sums, told = this.read(replies)
        upload = merged(by_node, this.sampled)
        metrics = {
            "nodes": len(this.places),
            "nodes-missing": len(this.places) - len(this.asked),
            "sent-bytes": len(this.asked) * sum(value.nbytes for value in tensors_of(this.model).values()),
            **told,
            "clients": len(this.sampled),
            "clients-silent": len(this.sampled) - sum(len(places) for places, _ in by_node.values()),
        }
        if not by_node:
            self.received = None
            log.warning("round %d: nobody has answered; the model stays as it is", server_round)
            return None, MetricRecord(metrics)
        upload, n_dropped = finite(upload)
        view = ServerView(this.number, this.model, self.learning_rate, self.optimizer.change_of, derived_seed(self.seed, "server"))
        aggregation, _ = aggregate(self.defense, upload, view)
        model, changes, _ = step(this.model, aggregation, self.optimizer, in_place=False)
        self.received = Received(this.sampled, by_node, upload, aggregation, changes, means_of(sums))
        return of_model(model), MetricRecord({**metrics, "dropped-uploads": n_dropped, **self.received.told})

    def configure_evaluate(self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid) -> list[Message]:
        """Ask each node how good the model is for its users, if it `evaluates`."""
        if not self.evaluates:
            return []
        content = RecordDict({MODEL: arrays, CONFIG: ConfigRecord({**config, "round": server_round, "server-round": server_round})})
        self._evaluating = {one.node_id: one for one in self.roster.present(grid, self.timeout)}
        kind, group = MessageType.EVALUATE, str(server_round)
        return [Message(content, dst_node_id=node_id, message_type=kind, group_id=group) for node_id in self._evaluating]

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Message]) -> MetricRecord | None:
        """Return the metrics over all users whose nodes have answered: {metric: [value]}, and for each target item {metric: [values]}.

        Beside them stand the numbers of replies that are not in them, `replies-failed` and `replies-refused`. None: nobody was asked.
        """
        if not self._evaluating:
            return None
        sums, told = sums_of(server_round, self._evaluating, replies)
        means = {name: (total[::2] / total[1::2]).tolist() for name, total in sums.items()}  # nan where nobody counts
        return MetricRecord({**means, **told})
