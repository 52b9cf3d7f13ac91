"""PoisonFRS: the malicious clients of a round together replace the targets by a multiple of what popular items have in common.

Yin et al., "Poisoning Federated Recommender Systems with Fake Users", WWW 2024. Most items are unpopular, so the N items with the smallest
<v_j, mean of V> are popular. Their mean c gives the wanted row of every target, v* = Lambda c. Each of the A malicious clients of a round
uploads (v - v*) / (rate A), with the rate of the server, and a plain step along the sum of these sets v to v*; with momentum or Adam the
server goes elsewhere. To look like users they upload `kappa` rows in all: those of the items that have moved most since the attack began,
too, whose v* is what they were then. To every row they add noise.

The paper leaves open from when on the movement counts. Here it is the round in which the attack begins, as for v*. The authors' noise has
`noise_std` 1; their learning rate is 0.05, so with eta = 1 the same number disturbs the items 20 times as much. Up to `max_lambda` Lambda
doubles in every round in which the targets are nearer to what was wanted last than in the round before; the first time that they are not
ends it.
"""

from dataclasses import dataclass, field
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from fedrec.interfaces import Attack, AttackerKnowledge, AttackerView, NonNegative, Positive, Rate, Upload
from fedrec.randomness import generator


@dataclass(kw_only=True)
class PoisonFRS(Attack):
    paper = "Yin et al., WWW 2024"
    knowledge = "none"
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"
    memory = ("snapshot", "scale", "distance")
    keeps_models = False

    start_round: Annotated[int, Field(ge=0)]
    N: Positive
    lambda_: Rate
    max_lambda: Rate
    kappa: Positive
    noise_std: NonNegative
    snapshot: Tensor | None = field(init=False, default=None)  # [M, d], the items when the attack begins
    scale: Tensor = field(init=False)  # Lambda
    distance: Tensor = field(init=False)  # of the targets from what was wanted last, -inf once Lambda stays

    def setup(self, known: AttackerKnowledge) -> None:
        super().setup(known)
        n_targets, n_others = len(known.target_items), known.n_items - len(known.target_items)
        if n_others < self.N:
            raise ValueError(f"attack.N = {self.N}: at most {n_others}, the number of items beside the targets")
        if self.kappa < n_targets:
            raise ValueError(f"attack.kappa = {self.kappa}: at least {n_targets}, the number of targets")
        if self.max_lambda < self.lambda_:
            raise ValueError(f"attack.max_lambda = {self.max_lambda}: at least attack.lambda_ = {self.lambda_}")
        self.scale, self.distance = torch.tensor(self.lambda_, dtype=torch.float64), torch.tensor(torch.inf, dtype=torch.float64)

    def poison(self, view: AttackerView) -> Upload:
        n_clients, items = len(view.clients), view.model.items
        if view.round < self.start_round or not n_clients:
            return Upload.of_rows(view.clients, view.clients[:0], view.clients[:0], items[:0])
        if self.snapshot is None:
            self.snapshot = items.clone()
        targets, fillers = self.known.target_items, self._fillers(items, self.snapshot)
        chosen = torch.cat([targets, fillers])  # [kappa]
        wanted = torch.cat([self._wanted(items).expand(len(targets), -1), self.snapshot.index_select(0, fillers)])
        step = (view.server_learning_rate or view.learning_rate) * n_clients
        rows = (items.index_select(0, chosen) - wanted) / step + self._noise(view, len(chosen))  # [A, kappa, d]
        segments = torch.arange(n_clients, device=items.device).repeat_interleave(len(chosen))
        return Upload.of_rows(view.clients, chosen.repeat(n_clients), segments, rows.flatten(0, 1))

    def _wanted(self, items: Tensor) -> Tensor:
        """Return Lambda c, [d], and let Lambda grow."""
        targets = self.known.target_items
        likeness = (items @ items.mean(0)).index_fill_(0, targets, torch.inf)
        centre = items[likeness.topk(self.N, largest=False).indices].mean(0)
        distance = torch.linalg.vector_norm(items[targets] - float(self.scale) * centre).double().cpu()
        is_nearer, is_first = distance < self.distance, self.distance == torch.inf
        self.distance = torch.where(is_nearer, distance, -torch.inf)
        self.scale = torch.where(is_nearer & ~is_first, (2 * self.scale).clamp(max=self.max_lambda), self.scale)
        return float(self.scale) * centre

    def _fillers(self, items: Tensor, snapshot: Tensor) -> Tensor:
        """Return the items that have moved most since the snapshot, of equal ones the first, [kappa - T]."""
        targets = self.known.target_items
        moved: Tensor = torch.linalg.vector_norm(items - snapshot, dim=1).index_fill_(0, targets, -1.0)
        return moved.argsort(descending=True, stable=True)[: min(self.kappa, len(items)) - len(targets)]

    def _noise(self, view: AttackerView, n_rows: int) -> Tensor:
        """Draw what each sampled client adds to its rows, [A, n, d]; the lowest client gets the first."""
        if not self.noise_std:
            return view.model.items.new_zeros(len(view.clients), 1, 1)
        shape = len(view.clients), n_rows, view.model.items.shape[1]
        drawn = torch.randn(shape, generator=generator(self.known.seed, f"noise/{view.round}")).to(view.model.items)
        return drawn.mul_(self.noise_std).index_select(0, view.clients.argsort().argsort())
