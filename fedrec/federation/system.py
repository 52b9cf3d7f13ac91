"""The federation: server, clients and the round loop (Sec. III-A)."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Generator, Tensor

from fedrec.aggregation.aggregate import aggregate, concatenate
from fedrec.data.federated_data import FederatedData
from fedrec.federation.client_sampling import ClientSampler, Sampling
from fedrec.federation.local import local_update
from fedrec.federation.telemetry.filtering import explain
from fedrec.federation.telemetry.stealth import Stealth
from fedrec.federation.telemetry.stopwatch import Stopwatch
from fedrec.interfaces import (
    Attack,
    AttackerKnowledge,
    AttackerView,
    ClientBatch,
    Defense,
    GlobalModel,
    Interactions,
    Model,
    Positive,
    PriorKnowledge,
    Rate,
    RoundResult,
    RowGroup,
    ScorerPart,
    ServerKnowledge,
    ServerView,
    Share,
    Upload,
)
from fedrec.models.losses import LOSSES
from fedrec.randomness import derived_seed, generator

NOTHING = PriorKnowledge()


class TrainingDiverged(ArithmeticError):
    """The loss became NaN or infinite."""


@dataclass(kw_only=True)
class System:
    """`setup` once, then iterate `rounds()`; between two rounds the state is whole and can be saved."""

    learning_rate: Rate
    client_learning_rate: Rate | tuple[Rate, Rate] | None
    clients_per_round: Positive
    epochs: Positive
    sampling: Sampling
    negatives_per_positive: Positive
    loss: Literal["bce", "bpr"]
    malicious_share: Share
    round: int = field(init=False, default=0)  # rounds finished

    def setup(
        self,
        train: Interactions,
        model: Model,
        attack: Attack,
        defense: Defense,
        target_items: Tensor,
        seed: int,
        device: torch.device,
        prior: PriorKnowledge = NOTHING,
    ) -> None:
        """Draw D_i and all embeddings. Raises ValueError if an option of a part does not fit the data."""
        self.model, self.attack, self.defense, self.device = model, attack, defense, device
        self.n_users, self.n_items = train.n_users, train.n_items
        self.n_malicious = math.floor(self.malicious_share * self.n_users + 1e-9) if attack.takes_part else 0
        if attack.takes_part and not self.n_malicious and self.malicious_share:
            raise ValueError(f"system.malicious_share = {self.malicious_share}: no client of {self.n_users}; take a larger share or 0")
        self.targets = target_items.tolist()
        self.stealth = Stealth(self.targets, self.n_items)
        targets, loss, own_seed = target_items.to(device), LOSSES[self.loss], derived_seed(seed, "attack")
        attack.setup(AttackerKnowledge(self.n_malicious, self.n_items, model, loss, targets, own_seed, prior))
        if defense.client:
            defense.client.setup(self.n_users, self.n_items)
        self.data = FederatedData.draw(train, self.negatives_per_positive, generator(seed, "negatives")).to(device)
        users, global_model = model.initialise(self.n_users, self.n_items, generator(seed, "initialise"))
        self.users = users.to(device)  # [U, d]
        self.global_model = GlobalModel(
            global_model.items.to(device), {name: value.to(device) for name, value in global_model.scorer.items()}
        )
        self.client_rates = self._draw_client_rates(seed)
        n_clients = self.n_users + self.n_malicious
        self.sampler = ClientSampler(n_clients, self.clients_per_round, self.sampling, seed)
        if defense.server:
            own_seed, root = derived_seed(seed, "server"), self._root_data(defense.server.root_wanted(), generator(seed, "root"))
            defense.server.setup(ServerKnowledge(n_clients, self.n_items, model, loss, own_seed, device, root))

    def _root_data(self, share: float, generator: Generator) -> ClientBatch | None:
        """D_i of a share of the benign users, drawn at random, at least one if any."""
        chosen = torch.randperm(self.n_users, generator=generator)[: math.ceil(share * self.n_users)]
        return self.data.batch(chosen.sort().values.to(self.device)) if len(chosen) else None

    @property
    def n_rounds(self) -> int:
        return self.epochs * self.sampler.rounds_per_epoch

    def rounds(self) -> Iterator[RoundResult]:
        """Train until the last epoch ends. Raises TrainingDiverged with the round and the likely cause."""
        while self.round < self.n_rounds:
            started = time.perf_counter()
            sampled = self.sampler.sample(self.round)
            with torch.no_grad():
                loss, delta_norm, telemetry = self._train(sampled)
            self.round += 1
            epoch, left = divmod(self.round, self.sampler.rounds_per_epoch)
            seconds = time.perf_counter() - started
            yield RoundResult(self.round, epoch + bool(left), not left, loss, delta_norm, seconds, telemetry)

    def _train(self, sampled: Tensor) -> tuple[float, Tensor, dict[str, float]]:
        is_benign = sampled < self.n_users
        benign, malicious = is_benign.nonzero().flatten(), (~is_benign).nonzero().flatten()  # positions in sampling order
        stopwatch = Stopwatch(self.device)
        batch = self.data.batch(sampled[benign].to(self.device))
        users = self.users.index_select(0, batch.clients)  # [C, d]
        if self.defense.client:
            self.defense.client.observe(self.round, batch.clients, self.global_model)
        gradients, penalty = local_update(self.model, LOSSES[self.loss], self.defense.client, users, self.global_model, batch)
        owners = torch.arange(len(benign), device=self.device)
        scorer = () if gradients.scorer is None else (ScorerPart(owners, gradients.scorer),)
        group = RowGroup(owners, batch.offsets, batch.items, gradients.rows)
        upload = Upload(batch.clients, (group,), scorer)
        telemetry = {"seconds_training": stopwatch.lap()}
        if len(malicious):
            attackers = (sampled[malicious] - self.n_users).to(self.device)
            poison = self.attack.poison(AttackerView(self.round, attackers, self.global_model, self.learning_rate))
            telemetry["seconds_attack"] = stopwatch.lap()
            telemetry |= self.stealth.measure(group, poison)
            stopwatch.lap()
            upload = concatenate(upload, poison, torch.cat([benign, malicious]).to(self.device), sampled.to(self.device))
        aggregation, n_dropped = aggregate(self.defense, upload, ServerView(self.round, self.global_model, self.learning_rate))
        telemetry["seconds_aggregation"] = stopwatch.lap()
        if n_dropped is not None:
            is_malicious = ~is_benign.to(self.device)
            telemetry |= {"dropped_uploads": n_dropped, **explain(aggregation, upload, is_malicious, self.targets)}
        gradient = aggregation.gradient
        self.users.index_copy_(0, batch.clients, users - self._rates(batch.clients) * gradients.users)
        change = self.learning_rate * gradient.items
        self.global_model = GlobalModel(self.global_model.items - change, self._stepped(gradient.scorer))
        loss = self._checked(gradients.loss.mean(), "loss") if len(benign) else math.nan
        if penalty is not None and len(benign):
            telemetry["penalty"] = self._checked(penalty.mean(), "defense penalty")
        delta_norm = torch.linalg.vector_norm(change, dim=1)  # Eq. (7)
        self._checked(delta_norm.sum(), "change of the item embeddings")
        return loss, delta_norm, telemetry

    def _stepped(self, gradient: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Parameters of the scorer after the server's step; those that nobody sent a gradient for stay."""
        global_model = self.global_model.scorer
        return {**global_model, **{name: global_model[name] - self.learning_rate * value for name, value in gradient.items()}}

    def _checked(self, value: Tensor, name: str) -> float:
        number = float(value)
        if math.isfinite(number):
            return number
        own_rate = f" or system.client_learning_rate = {self.client_learning_rate}" if self.client_learning_rate else ""
        cause = f"system.learning_rate = {self.learning_rate}{own_rate} is probably too high"
        if self.defense.client or self.attack.takes_part:
            cause += ", or the weights of the defense or attack are"
        raise TrainingDiverged(f"round {self.round + 1}: the {name} is {number}; {cause}")

    def _rates(self, clients: Tensor) -> Tensor | float:
        return self.client_rates if isinstance(self.client_rates, float) else self.client_rates[clients, None]

    def _draw_client_rates(self, seed: int) -> Tensor | float:
        """Learning rates of the clients' own embeddings (supplement D)."""
        if isinstance(self.client_learning_rate, float | int | None):
            return float(self.client_learning_rate or self.learning_rate)
        low, high = self.client_learning_rate
        if low > high:
            raise ValueError(f"system.client_learning_rate = [{low}, {high}]: the first must not be above the second")
        return (low + (high - low) * torch.rand(self.n_users, generator=generator(seed, "client_rates"))).to(self.device)

    def state_dict(self) -> dict[str, Any]:
        """All that changes from round to round; the rest follows from configuration, data and seed."""
        client, server = self.defense.client, self.defense.server
        return {
            "round": self.round,
            "users": self.users.clone(),
            "global_model": self.global_model,
            "attack": self.attack.state_dict(),
            "defense": client.state_dict() if client else {},
            "server": server.state_dict() if server else {},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.round, self.users, self.global_model = state["round"], state["users"].clone(), state["global_model"]
        self.attack.load_state_dict(state["attack"])
        if self.defense.client:
            self.defense.client.load_state_dict(state["defense"])
        if self.defense.server:
            self.defense.server.load_state_dict(state["server"])
