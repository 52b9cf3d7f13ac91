"""FoolsGold: clients whose updates have been alike so far count for less.

Fung, Yoon, Beschastnikh, "The Limitations of Federated Learning in Sybil Settings", RAID 2020, Algorithm 1, without its optional
importance of features. Weighs whole clients by the cosines of all that they have sent up to now. Of each client only a count sketch of
`sketch_size` numbers is remembered (`fedrec.aggregation.count_sketch`), so the cosines are estimates with a standard deviation of about
1 / sqrt(sketch_size). As in the authors' code no cosine below 0 counts; where all of two clients' history is alike but for rounding, both
weigh 0, even if nobody else is left to divide by.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from fedrec.aggregation.count_sketch import CountSketch
from fedrec.interfaces import Aggregation, Aggregator, GlobalModel, Positive, Rate, ServerKnowledge, ServerView, Upload

ROUNDING = 1e-5  # cosines closer to 1 are 1
ALMOST_ONE = 0.99  # in place of 1, whose logit is infinite; from the paper


@dataclass(kw_only=True)
class FoolsGold(Aggregator):
    paper = "Fung et al., RAID 2020"
    applies_to = "MF-FRS, DL-FRS"

    kappa: Rate
    sketch_size: Positive
    sketch: CountSketch = field(init=False)
    history: Tensor = field(init=False)  # [clients, sketch_size], malicious ones included

    def setup(self, known: ServerKnowledge) -> None:
        generator = Generator().manual_seed(known.seed)
        _, model = known.model.initialise(1, known.n_items, generator)
        self.sketch = CountSketch.draw(self.sketch_size, _on(model, known.device), generator)
        self.history = model.items.new_zeros(known.n_clients, self.sketch_size, device=known.device)

    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        self.history.index_add_(0, upload.clients, self.sketch.of_clients(upload))
        directions = normalize(self.history.index_select(0, upload.clients), eps=torch.finfo(self.history.dtype).tiny)
        weights = self.weights(directions @ directions.T)
        gradient = GlobalModel(*upload.weighted(weights).total(len(view.model.items)))
        return Aggregation(gradient, inspected=torch.arange(len(weights), device=weights.device), accepted=weights > 0)

    def weights(self, cosines: Tensor) -> Tensor:
        """Of clients whose histories have these cosines [S, S], in 0..1, [S]."""
        similarity = cosines.clamp(min=0).fill_diagonal_(0)
        largest = similarity.amax(1)  # v
        pardon = largest[:, None] / largest.clamp(min=torch.finfo(largest.dtype).tiny)
        alpha = 1 - (similarity * pardon.clamp(max=1)).amax(1)
        alpha[alpha < ROUNDING] = 0
        if not alpha.any():
            return alpha
        alpha = alpha / alpha.max()
        alpha[alpha == 1] = ALMOST_ONE
        return (self.kappa * (torch.logit(alpha) + 0.5)).clamp(0, 1)

    def state_dict(self) -> dict[str, Any]:
        return {"history": self.history.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.history = state["history"].clone()


def _on(model: GlobalModel, device: torch.device) -> GlobalModel:
    return GlobalModel(model.items.to(device), {name: value.to(device) for name, value in model.scorer.items()})
