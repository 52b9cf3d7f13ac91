"""What people run instead: a loop over one object a client, in which every client uploads a gradient of the whole item matrix.

The server adds up these matrices [M, d], or stacks them and applies a rule to one item after another, to the rows of the clients that have
the item. The code that was published with the paper works like this; this one is written from the paper's equations. Clients and attacker
are those of the oracle (`tests.reference`) in single precision, but they differentiate by the whole matrix.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from experiments.timing.stacked_rules import COMBINE, Combine, norm_bound
from fedrec.experiment import Experiment
from tests.reference.attacks import Pieck
from tests.reference.federation import BenignClient, Ours, Parameters, Sent, Server, leaves, psi


class WholeMatrixClient(BenignClient):
    """A user whose gradient is as large as the item matrix."""

    def train_on(self, items: Tensor, scorer: Parameters) -> tuple[Sent, float]:
        user, own_items, own = self.embedding.weight, items.clone().requires_grad_(), leaves(scorer)
        rows = F.embedding(self.pairs, own_items)
        training = self.loss(self(rows, own), self.n_positives)
        total = training
        if self.defense is not None and self.miner is not None:
            self.miner.receive(items)
            total = total + self.defense.penalty(self.miner, user[0], rows, self.pairs, items)
        of_user, matrix, *of_scorer = torch.autograd.grad(total, (user, own_items, *own.values()), materialize_grads=True)
        user.data.add_(of_user, alpha=-self.rate)
        matrix[self.uploaded] /= self.counts[:, None]  # an item is uploaded once, however often it was drawn
        return (self.uploaded, matrix, dict(zip(own, of_scorer, strict=True))), training.item()


class WholeMatrixPieck(Pieck):
    """PIECK-UEA, which scores a batch of popular items at once and uploads a matrix that is 0 but for the targets."""

    def train_on(self, client: int, items: Tensor, scorer: Parameters) -> Sent:
        targets, rows, of_scorer = super().train_on(client, items, scorer)
        return targets, torch.zeros_like(items).index_add_(0, targets, rows), of_scorer

    def pieck_uea(self, popular: Tensor, targets: Tensor, scorer: Parameters) -> tuple[Tensor, Parameters]:
        options: Any = self.options
        own = leaves({"row": targets[:1], **scorer})
        total = {name: torch.zeros_like(value) for name, value in own.items()}
        uploaded = {name: torch.zeros_like(value) for name, value in own.items()}
        for batch in popular.chunk(options["batches"]):
            for _ in range(options["rounds"]):
                scores = psi(batch, own["row"].expand_as(batch), {name: own[name] for name in scorer})
                gradients = torch.autograd.grad(-F.logsigmoid(scores).mean() / options["batches"], tuple(own.values()))
                for name, gradient in zip(own, gradients, strict=True):
                    total[name] += gradient  # nobody clears it, as in the published code
                    uploaded[name] += total[name]
        row = uploaded.pop("row") / options["rounds"]
        return row, {name: value / options["rounds"] for name, value in uploaded.items()} if options["poison_scorer"] else {}


def one_by_one(engine: Experiment, defense: str) -> Server:
    """Return the federation of an experiment in the same state. All its clients must have mined if they mine."""
    system, config = engine.system, engine.info.config
    options = {name: value for name, value in config["defense"].items() if name != "client"} if defense == "ours" else None
    mined = system.defense.client.mined_items() if system.defense.client else None
    benign: list[BenignClient] = []
    for user in range(system.n_users):
        batch = system.data.batch(torch.tensor([user]))
        draws, n_positives = batch.items.long().repeat_interleave(batch.counts.long()), int(batch.counts[batch.labels == 1].sum())
        regulariser = Ours(**options) if options else None
        client = WholeMatrixClient(system.users[user], draws, n_positives, system.loss, system.learning_rate, regulariser)
        if client.miner and mined is not None:
            client.miner.mined = mined[user].tolist()
        benign.append(client)
    combine = norm_bound(config["defense"]["C"]) if defense == "norm_bound" else COMBINE.get(defense)
    agg = Stacked(config["defense"].get("malicious_share", 0.0), combine) if combine else whole_sum
    model = system.global_model
    return Server(model.items, system.learning_rate, benign, _attacker(engine), model.scorer, agg=agg)


def _attacker(engine: Experiment) -> Pieck | None:
    system = engine.system
    mined = system.attack.mined_items()
    if mined is None:
        return None
    attacker = WholeMatrixPieck(engine.info.config["attack"], system.targets, system.n_malicious)
    for miner, items in zip(attacker.miners, mined.tolist(), strict=True):
        miner.mined = items
    return attacker


def whole_sum(items: Tensor, scorer: Parameters, uploads: Sequence[Sent]) -> tuple[Tensor, Parameters]:
    """Return the plain sum of all matrices, and of all gradients of the scorer."""
    total, gradients = torch.zeros_like(items), {name: torch.zeros_like(value) for name, value in scorer.items()}
    for _, matrix, of_scorer in uploads:
        total += matrix
        for name, value in of_scorer.items():
            gradients[name] += value
    return total, gradients


class Stacked:
    """A server that stacks all matrices and combines the rows of one item after another."""

    def __init__(self, malicious_share: float, combine: Combine) -> None:
        self.malicious_share, self.combine = malicious_share, combine

    def __call__(self, items: Tensor, scorer: Parameters, uploads: Sequence[Sent]) -> tuple[Tensor, Mapping[str, Tensor]]:
        matrices, has = torch.stack([matrix for _, matrix, _ in uploads]), torch.zeros(len(uploads), len(items), dtype=torch.bool)
        for sender, (sent, *_) in enumerate(uploads):
            has[sender, sent] = True
        total, gradients = torch.zeros_like(items), {}
        for item in range(len(items)):
            rows = matrices[has[:, item], item]
            if len(rows):
                total[item] = self.combine(rows, int(self.malicious_share * len(rows) + 1e-9))
        for name, value in scorer.items():
            rows = torch.stack([of_scorer[name].flatten() for *_, of_scorer in uploads if of_scorer])
            gradients[name] = self.combine(rows, int(self.malicious_share * len(rows) + 1e-9)).view_as(value)
        return total, gradients
