"""Who takes part from a node: its users, who train, or the clients of the attacker."""

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

from fedrec.config.build import Checked
from fedrec.data.federated_data import Negatives
from fedrec.evaluation.evaluator import Evaluator
from fedrec.evaluation.quality import RANKINGS
from fedrec.evaluation.who_counts import exposure_counts
from fedrec.federation.decorrelation import decorrelated
from fedrec.federation.local import train_locally
from fedrec.federation.system import System
from fedrec.flower.shard import UserShard
from fedrec.interfaces import Attack, AttackerKnowledge, AttackerView, Defense, GlobalModel, Model, PriorKnowledge, ReplacedRows, Upload
from fedrec.models.losses import LOSSES

Sums = dict[str, list[float]]  # metric -> its sum over the users who count, and how many they are: two numbers for each target item


class Participants(Protocol):
    """The clients of a node, numbered from 0 there."""

    def take_part(self, round: int, clients: Tensor, model: GlobalModel) -> tuple[Upload | None, Mapping[str, float]]:
        """Return what these clients [C] send, and sums over them that explain it."""

    def follow(self, replaced: ReplacedRows) -> None:
        """See how the model differs from the one that the node received before."""

    def evaluate(self, model: GlobalModel) -> Sums:
        """Return sums of metrics over the users."""

    def state_dict(self) -> dict[str, Any]:
        """Return all that changes from round to round."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` returned."""


class Users:
    """Honest users train on their own data, with the client half of the defense."""

    def __init__(self, shard: UserShard, checked: Checked) -> None:
        defense: Defense = checked.parts["defense"].build()
        system: System = checked.parts["system"].build()
        self.model: Model = checked.parts["model"].build()
        self.evaluator: Evaluator = checked.parts["evaluation"].build()
        self.loss, self.defense, self.shard, self.embeddings = LOSSES[system.loss], defense.client, shard, shard.embeddings.clone()
        if self.defense:
            self.defense.setup(len(self.embeddings), shard.data.n_items)

    def take_part(self, round: int, clients: Tensor, model: GlobalModel) -> tuple[Upload | None, Mapping[str, float]]:
        if self.defense:
            self.defense.observe(round, clients, model)
        batch = self.shard.data.batch(clients)
        local = train_locally(self.model, self.loss, self.defense, self.embeddings[clients], model, batch)
        rates = self.shard.rates
        self.embeddings[clients] -= (rates if isinstance(rates, float) else rates[clients]) * local.users
        penalty = {} if local.penalty is None else {"penalty": float(local.penalty.sum())}
        return local.upload(batch), {"loss": float(local.loss.sum()), "trained": float(len(clients)), **penalty}

    def follow(self, replaced: ReplacedRows) -> None:
        if self.defense:
            self.defense.follow(replaced)

    def evaluate(self, model: GlobalModel) -> Sums:
        """Return the sums of rankings that are means over users. Candidates are drawn by the node."""
        evaluator, shard = self.evaluator, self.shard
        evaluator.setup(shard.split, self.model, shard.targets, _Trained(self.embeddings, model), shard.seed)
        metrics, sums = evaluator.evaluate(), Sums()
        for prefix, part in evaluator.held_out.items():
            n_users = float((part.sizes > 0).sum())
            names = [f"{prefix}{name}@{k}" for name in RANKINGS if name in evaluator.metrics for k in evaluator.k]
            sums |= {name: [metrics[name] * n_users, n_users] for name in names if name in metrics}
        counts = exposure_counts(evaluator.blocks)
        for name, shares in evaluator.exposures.items():
            pairs = [((share or 0.0) * count, float(count)) for share, count in zip(shares, counts, strict=True)]
            sums[name] = [number for pair in pairs for number in pair]
        return sums

    def state_dict(self) -> dict[str, Any]:
        return {"embeddings": self.embeddings, "defense": self.defense.state_dict() if self.defense else {}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.embeddings = state["embeddings"].clone()
        if self.defense:
            self.defense.load_state_dict(state["defense"])


class _Trained:
    """What an evaluation reads of a node."""

    n_malicious = 0
    negatives_per_positive = 0
    negatives: Negatives = "distinct"

    def __init__(self, users: Tensor, global_model: GlobalModel) -> None:
        self.users, self.global_model = users, global_model

    def mined_items(self) -> dict[str, Tensor]:
        return {}


class AttackersClients:
    """All malicious clients, led by one attack that sees what its node receives."""

    def __init__(self, known: Mapping[str, Any], n_clients: int, checked: Checked) -> None:
        self.attack: Attack = checked.parts["attack"].build()
        self.system: System = checked.parts["system"].build()
        prior = PriorKnowledge(known["interactions"], known["ranks"], known["popularity"])
        model, loss = checked.parts["model"].build(), LOSSES[self.system.loss]
        self.attack.setup(AttackerKnowledge(n_clients, known["n_items"], model, loss, known["targets"], known["seed"], prior))

    def take_part(self, round: int, clients: Tensor, model: GlobalModel) -> tuple[Upload | None, Mapping[str, float]]:
        rates = self.system.learning_rate, self.system.server_learning_rate
        upload, told = self.attack.poison(AttackerView(round, clients, model, *rates)), self.attack.known
        if self.attack.decorrelate:
            upload = decorrelated(upload, told.n_clients, told.n_items, told.seed)
        return upload, {}

    def follow(self, replaced: ReplacedRows) -> None:
        self.attack.follow(replaced)

    def evaluate(self, model: GlobalModel) -> Sums:
        return {}

    def state_dict(self) -> dict[str, Any]:
        return self.attack.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.attack.load_state_dict(state)
