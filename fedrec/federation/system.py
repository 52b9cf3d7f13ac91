"""The federation: server, clients and the round loop (Sec. III-A)."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from fedrec.aggregation.aggregate import aggregate
from fedrec.data.federated_data import FederatedData, Negatives, require_countable
from fedrec.data.published_start import published_start
from fedrec.federation.benign_statistics import StatisticsOfRound
from fedrec.federation.client_sampling import ClientSampler, Sampling
from fedrec.federation.decorrelation import decorrelated
from fedrec.federation.local import train_locally
from fedrec.federation.server_optimizer import Kind, ServerOptimizer
from fedrec.federation.server_step import concatenate, step
from fedrec.federation.start import Start
from fedrec.federation.telemetry.filtering import describe_filtering
from fedrec.federation.telemetry.stealth import describe_poison
from fedrec.federation.telemetry.stopwatch import Stopwatch
from fedrec.federation.telemetry.unread import Unread
from fedrec.interfaces import (
    Aggregation,
    Attack,
    AttackerKnowledge,
    AttackerView,
    ClientBatch,
    Countable,
    Defense,
    GlobalModel,
    Interactions,
    ItemChanges,
    LocalGradients,
    Model,
    Positive,
    PriorKnowledge,
    Rate,
    RoundResult,
    ServerKnowledge,
    ServerView,
    Share,
    Upload,
)
from fedrec.models.losses import LOSSES
from fedrec.ragged import silence_sparse_tensors
from fedrec.randomness import derived_seed, generator

Decay = Annotated[float, Field(ge=0, lt=1)]  # share that is left


class TrainingDiverged(ArithmeticError):
    """The loss became NaN or infinite."""


@dataclass(kw_only=True)
class System:
    """Call `setup` once, then iterate `rounds()`. Between two rounds the state is whole and can be saved."""

    learning_rate: Rate
    client_learning_rate: Rate | tuple[Rate, Rate] | None
    clients_per_round: Positive
    epochs: Positive
    sampling: Sampling
    negatives_per_positive: Countable
    negatives: Negatives
    loss: Literal["bce", "bpr"]
    initial: Literal["random", "published"]
    malicious_share: Share
    malicious_clients: Positive | None = None  # in place of what the share makes
    server_optimizer: Kind = "sgd"
    server_learning_rate: Rate | None = None
    server_momentum: Decay = 0.9
    server_betas: tuple[Decay, Decay] = (0.9, 0.999)

    model: Model = field(init=False)
    attack: Attack = field(init=False)
    defense: Defense = field(init=False)
    targets: Sequence[int] = field(init=False)  # T items
    device: torch.device = field(init=False)
    n_users: int = field(init=False)
    n_items: int = field(init=False)
    n_malicious: int = field(init=False)
    data: FederatedData = field(init=False)  # D_i of every user
    client_rates: Tensor | float = field(init=False)  # [U, 1] learning rates of the clients' own embeddings, or one for all
    sampler: ClientSampler = field(init=False)
    users: Tensor = field(init=False)  # [U, d] the clients' own embeddings, which never reach the server
    global_model: GlobalModel = field(init=False)
    optimizer: ServerOptimizer = field(init=False)  # of the server
    server_seed: int = field(init=False)  # the server's own
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
        prior: PriorKnowledge,
        start: Start | None = None,
    ) -> None:
        """Draw D_i and all embeddings unless a `start` gives them, and tell each part what it may know.

        Raises ValueError if an option or the start does not fit the data.
        """
        silence_sparse_tensors()
        self.model, self.attack, self.defense, self.device = model, attack, defense, device
        self.n_users, self.n_items, self.targets = train.n_users, train.n_items, target_items.tolist()
        self.n_malicious = self._count_malicious() if attack.takes_part else 0
        loss, n_clients, own_seed = LOSSES[self.loss], self.n_users + self.n_malicious, derived_seed(seed, "attack")
        attack.setup(AttackerKnowledge(self.n_malicious, self.n_items, model, loss, target_items.to(device), own_seed, prior))
        if defense.client:
            defense.client.setup(self.n_users, self.n_items)
        start = self._draw_start(train, seed) if start is None else start.copy()  # embeddings change in place
        start.check(model, self.n_users, self.n_items, n_clients, self.epochs)
        start = start.to(device)
        self.data, self.users, self.global_model = start.data, start.users, start.global_model
        self.client_rates = self._draw_client_rates(generator(seed, "client_rates"))
        rate = self.server_learning_rate or self.learning_rate
        self.optimizer = ServerOptimizer(self.server_optimizer, rate, self.server_momentum, self.server_betas)
        self.sampler = ClientSampler(n_clients, self.clients_per_round, self.sampling, seed, start.order)
        self.server_seed = derived_seed(seed, "server")
        if defense.server:
            root = self._draw_root_data(defense.server.root_wanted(), generator(seed, "root"))
            defense.server.setup(ServerKnowledge(n_clients, self.n_items, model, loss, self.server_seed, device, root))

    def require_countable(self, n_interactions: int) -> None:
        """Raise ValueError if so many interactions to train on would make more pairs than can be counted; distinct ones may be fewer."""
        if self.negatives == "repeated":
            require_countable(n_interactions, self.negatives_per_positive, n_interactions * self.negatives_per_positive)

    def _count_malicious(self) -> int:
        """Return the number of malicious clients, whether it is given or follows from the share of the benign ones."""
        if self.malicious_clients is not None:
            if self.malicious_clients > (most := self.n_users // 2):
                told = f"half of the {self.n_users} benign clients at most are malicious, {most}"
                raise ValueError(f"system.malicious_clients = {self.malicious_clients}: {told}")
            return self.malicious_clients
        n_clients = math.floor(self.malicious_share * self.n_users + 1e-9)
        if not n_clients and self.malicious_share:
            raise ValueError(f"system.malicious_share = {self.malicious_share}: no client of {self.n_users}; take a larger share or 0")
        return n_clients

    def _draw_start(self, train: Interactions, seed: int) -> Start:
        if self.initial == "published":
            if self.negatives == "distinct":
                raise ValueError(
                    "system.initial = published: its negatives are drawn with replacement; allowed is system.negatives=repeated"
                )
            return Start(*published_start(train, self.negatives_per_positive, self.model))
        data = FederatedData.draw(train, self.negatives_per_positive, self.negatives, generator(seed, "negatives"))
        return Start(data, *self.model.initialise(self.n_users, self.n_items, generator(seed, "initialise")))

    def _draw_client_rates(self, generator: Generator) -> Tensor | float:
        """Draw the learning rate of every client's own embedding (supplement D)."""
        if isinstance(self.client_learning_rate, float | int | None):
            return float(self.client_learning_rate or self.learning_rate)
        low, high = self.client_learning_rate
        if low > high:
            raise ValueError(f"system.client_learning_rate = [{low}, {high}]: the first must not be above the second")
        return (low + (high - low) * torch.rand(self.n_users, 1, generator=generator)).to(self.device)

    def _draw_root_data(self, share: float, generator: Generator) -> ClientBatch | None:
        """Return D_i of a random share of the benign users, of one user at least; None for a share of 0."""
        chosen = torch.randperm(self.n_users, generator=generator)[: math.ceil(share * self.n_users)]
        return self.data.batch(chosen.sort().values.to(self.device)) if len(chosen) else None

    @property
    def n_rounds(self) -> int:
        return self.epochs * self.sampler.rounds_per_epoch

    def rounds(self) -> Iterator[RoundResult]:
        """Train until the last epoch ends. Raises TrainingDiverged with the round and the likely cause."""
        while self.round < self.n_rounds:
            started = time.perf_counter()
            with torch.no_grad():
                loss, changes, telemetry = self._train()
            self.round += 1
            epoch, left = divmod(self.round, self.sampler.rounds_per_epoch)
            seconds = time.perf_counter() - started
            yield RoundResult(self.round, epoch + bool(left), not left, loss, changes, seconds, telemetry)

    def _train(self) -> tuple[float, ItemChanges, Mapping[str, float]]:
        """Train one round. Return the mean loss of the benign clients, how far each item moved, and the telemetry."""
        stopwatch, sampled = Stopwatch(self.device), self.sampler.sample(self.round)  # [S] on the CPU: nobody waits for a GPU's masks
        is_malicious = sampled >= self.n_users
        malicious = (sampled[is_malicious] - self.n_users).to(self.device)
        batch = self.data.batch(sampled[~is_malicious].to(self.device))
        local = self._train_locally(batch)
        benign = stopwatch.lap("seconds_training", local.upload(batch))
        poison = stopwatch.lap("seconds_attack", self._poison(malicious, benign))
        sampled, is_malicious = sampled.to(self.device), is_malicious.to(self.device)
        upload = concatenate(benign, poison, sampled, is_malicious)
        view = ServerView(self.round, self.global_model, self.learning_rate, self.optimizer.change_of, self.server_seed)
        aggregation, n_dropped = stopwatch.lap("seconds_aggregation", aggregate(self.defense, upload, view))
        changes = self._step(batch.clients, local.users, aggregation)
        loss, telemetry = self._checked_means(local, changes.lengths)
        telemetry |= stopwatch.laps
        if n_dropped is not None:
            telemetry |= {"dropped_uploads": n_dropped, **describe_filtering(aggregation, upload, is_malicious, self.targets)}
        return loss, changes, Unread(telemetry, lambda: describe_poison(benign.groups[0], poison, self.targets, self.n_items))

    def _train_locally(self, batch: ClientBatch) -> LocalGradients:
        """Let the sampled benign clients train on the global model that they receive."""
        users = self.users.index_select(0, batch.clients)
        if self.defense.client:
            self.defense.client.observe(self.round, batch.clients, self.global_model)
        return train_locally(self.model, LOSSES[self.loss], self.defense.client, users, self.global_model, batch)

    def _poison(self, clients: Tensor, benign: Upload) -> Upload | None:
        """Return the upload of the sampled malicious clients [A], numbered from 0; None if there are none."""
        if not len(clients):
            return None
        known = StatisticsOfRound(benign, self.n_items) if self.attack.prior_wanted().uploads else None
        rates = self.learning_rate, self.server_learning_rate
        upload = self.attack.poison(AttackerView(self.round, clients, self.global_model, *rates, known))
        told = self.attack.known
        return decorrelated(upload, told.n_clients, told.n_items, told.seed) if self.attack.decorrelate else upload

    def _step(self, clients: Tensor, own_gradients: Tensor, aggregation: Aggregation) -> ItemChanges:
        """Move the embeddings of clients [C] along their own gradients [C, d], and the global model; return how far each item moved."""
        self.users[clients] -= (self.client_rates if isinstance(self.client_rates, float) else self.client_rates[clients]) * own_gradients
        in_place = not self._models_are_kept
        self.global_model, changes, replaced = step(self.global_model, aggregation, self.optimizer, in_place=in_place)
        self.attack.follow(replaced)
        if self.defense.client:
            self.defense.client.follow(replaced)
        return changes

    @property
    def _models_are_kept(self) -> bool:
        """Whether a part may look at a global model after its round."""
        parts = self.attack if self.n_malicious else None, self.defense.client, *self.defense.transforms, self.defense.server
        return any(part.keeps_models for part in parts if part is not None)

    def _checked_means(self, local: LocalGradients, lengths: Tensor) -> tuple[float, dict[str, float]]:
        """Return the mean loss, nan without clients, and the telemetry of the penalty. Raises TrainingDiverged."""
        loss = self._mean(local.loss, "loss")
        penalty = {} if local.penalty is None else {"penalty": self._mean(local.penalty, "defense penalty")}
        self._mean(lengths, "change of the item embeddings")
        return loss, penalty if len(local.loss) else {}

    def _mean(self, values: Tensor, name: str) -> float:
        mean = float(values.mean())
        if math.isfinite(mean) or not len(values):
            return mean
        own_rate = f" or system.client_learning_rate = {self.client_learning_rate}" if self.client_learning_rate else ""
        own_rate += f" or system.server_learning_rate = {self.server_learning_rate}" if self.server_learning_rate else ""
        cause = f"system.learning_rate = {self.learning_rate}{own_rate} is probably too high"
        if self.defense.client or self.attack.takes_part:
            cause += ", or the weights of the defense or attack are"
        raise TrainingDiverged(f"round {self.round + 1}: the {name} is {mean}; {cause}")

    def mined_items(self) -> dict[str, Tensor]:
        """Return the items that the clients of the attack and of the defense have mined so far, [clients, N] of each."""
        mined = {"attack": self.attack.mined_items(), "defense": self.defense.client.mined_items() if self.defense.client else None}
        return {part: items for part, items in mined.items() if items is not None and len(items)}

    def state_dict(self) -> dict[str, Any]:
        """Return all that changes from round to round; the rest follows from configuration, data and seed.

        It holds tensors, numbers, texts, None, and lists, tuples and dicts of these, as every part's `state_dict` must.
        """
        parts = {name: part.state_dict() for name, part in self._stateful_parts().items()}
        global_model = {"items": self.global_model.items.clone(), "scorer": dict(self.global_model.scorer)}
        return {"round": self.round, "users": self.users.clone(), "global_model": global_model, **parts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        self.round, self.users, self.global_model = state["round"], state["users"].clone(), GlobalModel(**state["global_model"]).clone()
        for name, part in self._stateful_parts().items():
            part.load_state_dict(state[name])

    def _stateful_parts(self) -> dict[str, Any]:
        parts = {"optimizer": self.optimizer, "attack": self.attack, "client": self.defense.client, "server": self.defense.server}
        return {name: part for name, part in parts.items() if part is not None}
