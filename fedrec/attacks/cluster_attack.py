"""ClusterAttack: item embeddings are drawn together into few clusters, so that items of a cluster rank in any order.

Yu et al., "Untargeted Attack against Federated Recommendation Systems via Poisonous Item Embeddings and the Defense", AAAI 2023. In every
round K-means finds C clusters of item embeddings; the loss is 1 / C times the summed squared distance of all items from their centres.
Every client uploads its gradient for all items. The length of a row becomes mu + U(0, 1) * spread * sigma, where mu and sigma are the mean
and the standard deviation of the lengths of honest gradient rows. C adapts: once a moving average of the loss has risen `patience` times
more often than it has fallen, C grows, and it shrinks in the opposite case.

The paper's malicious clients have profiles of real users; here they make them up. It estimates mu and sigma from 50 malicious clients of
the whole federation; here from those of the round, because these alone receive the model. Its clients hold all items, so that a row of an
untouched item is an honest row of length 0 and counts (`zero_rows=counted`). Here honest clients upload no such rows. With
`zero_rows=ignored` mu and sigma describe the rows that they do upload, which are longer on average by the share of untouched items. A loss
is a mean over the items of a profile, so rows are also the longer the fewer items a made-up profile has: with the defaults they are some
ten times as long as the rows of real users. Under DL-FRS malicious clients upload honest gradients of the scorer, as in the released code.
"""

import math
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from fedrec.interfaces import (
    AttackerKnowledge,
    AttackerView,
    NonNegative,
    Positive,
    RowGroup,
    ScorerPart,
    Upload,
)
from fedrec.poisoning.honest_users import HonestProfilesAttack, HonestUsers
from fedrec.poisoning.k_means import k_means
from fedrec.randomness import generator


@dataclass
class ClusterCount:
    """How many clusters to form next, from the losses so far."""

    clusters: int
    most: int
    patience: int
    decay: float
    balance: int = 0  # how much more often the average of the loss has risen than fallen since C last changed
    steps: int = 0  # losses since then
    average: float = 0.0  # their moving average, not debiased

    def note(self, loss: float) -> None:
        """Take note of a round's loss."""
        before = self.average / (1 - self.decay**self.steps) if self.steps else None
        self.average, self.steps = self.decay * self.average + (1 - self.decay) * loss, self.steps + 1
        if before is not None:
            self.balance += 1 if self.average / (1 - self.decay**self.steps) > before else -1
        if abs(self.balance) >= self.patience:
            grown = self.clusters + math.sqrt(self.most - self.clusters)
            self.clusters = round(grown if self.balance > 0 else self.clusters - math.sqrt(self.clusters - 1))
            self.balance, self.steps, self.average = 0, 0, 0.0

    def state_dict(self) -> dict[str, Any]:
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


@dataclass(kw_only=True)
class ClusterAttack(HonestProfilesAttack):
    paper = "Yu et al., AAAI 2023"
    knowledge = "none; items' popularity if wanted"
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"
    memory = ("honest", "count")

    clusters: Positive
    most_clusters: Positive
    patience: Positive
    decay: Annotated[float, Field(ge=0, lt=1)]
    spread: NonNegative
    zero_rows: Literal["ignored", "counted"]
    count: ClusterCount = field(init=False)

    def setup(self, known: AttackerKnowledge) -> None:
        super().setup(known)
        if not self.clusters <= self.most_clusters <= known.n_items:
            allowed = f"from attack.clusters = {self.clusters} to {known.n_items} (the items)"
            raise ValueError(f"attack.most_clusters = {self.most_clusters}: allowed is {allowed}")
        self.honest = HonestUsers(known, self.kappa, own_items=True)
        self.count = ClusterCount(self.clusters, self.most_clusters, self.patience, self.decay)

    def poison(self, view: AttackerView) -> Upload:
        n_items, everybody = self.known.n_items, torch.arange(len(view.clients), device=view.clients.device)
        batch, gradients = self.honest.train(view.clients, view.model, view.learning_rate)
        group = RowGroup(everybody, batch.offsets, batch.items, gradients.rows)
        lengths = self.lengths(group.lengths(), view)  # [A, M]
        rows = lengths[..., None] * self.directions(view) if len(lengths) else view.model.items[None, :0]  # [A, M, d]
        items = torch.arange(n_items, device=everybody.device).repeat(len(everybody))
        scorer = () if gradients.scorer is None else (ScorerPart(everybody, gradients.scorer),)
        return Upload.of_rows(view.clients, items, everybody.repeat_interleave(n_items), rows.flatten(0, 1), scorer)

    def lengths(self, honest: Tensor, view: AttackerView) -> Tensor:
        """Return how long the row of each client and item shall be, [A, M]; honest [n]: the lengths of the rows that honest users send."""
        n_all = len(view.clients) * self.known.n_items if self.zero_rows == "counted" else len(honest)
        mean = honest.sum() / max(n_all, 1)
        variance = (honest.square().sum() - n_all * mean.square()) / max(n_all - 1, 1)
        drawn = torch.rand(len(view.clients), self.known.n_items, generator=generator(self.known.seed, f"lengths/{view.round}"))
        return mean + self.spread * variance.clamp(min=0).sqrt() * drawn.to(honest)[view.clients.argsort().argsort()]

    def directions(self, view: AttackerView) -> Tensor:
        """Return the gradient of the clustering loss by all items, divided by their lengths, [M, d]; an item at its centre has none."""
        items, n_clusters = view.model.items, self.count.clusters
        start = torch.randperm(len(items), generator=generator(self.known.seed, f"centres/{view.round}"))[:n_clusters]
        used = torch.ones(1, n_clusters, dtype=torch.bool, device=items.device)
        (centres,), (labels,) = k_means(items, items[start.to(items.device)][None], used)
        away = items - centres[labels]
        self.count.note(float(away.square().sum()) / n_clusters)
        directions: Tensor = away / torch.linalg.vector_norm(away, dim=1, keepdim=True).clamp(min=torch.finfo(away.dtype).tiny)
        return directions
