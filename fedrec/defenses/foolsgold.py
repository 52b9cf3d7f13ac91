"""FoolsGold: clients whose updates have been alike so far count for less.

Fung, Yoon, Beschastnikh, "The Limitations of Federated Learning in Sybil Settings", RAID 2020, Algorithm 1, without its optional
importance of features. It weighs whole clients by the cosines between all that they have sent so far. Of each client only a count sketch
of `sketch_size` numbers is remembered (`fedrec.aggregation.count_sketch`), so the cosines are estimates with a standard deviation of about
1 / sqrt(sketch_size). As in the authors' code a cosine below 0 counts as 0. Two clients whose histories point in the same direction, up to
rounding, both weigh 0, even if no other client is left. There is no f and no fallback.
"""

from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from fedrec.aggregation.count_sketch import CountSketch
from fedrec.interfaces import Aggregation, Aggregator, GlobalModel, Positive, Rate, ServerKnowledge, ServerView, Upload

ROUNDING = 1e-5  # a cosine closer to 1 is 1
ALMOST_ONE = 0.99  # in place of 1, whose logit is infinite; from the paper


@dataclass(kw_only=True)
class FoolsGold(Aggregator):
    paper = "Fung et al., RAID 2020"
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"
    memory = ("history",)

    kappa: Rate
    sketch_size: Positive
    sketch: CountSketch = field(init=False)
    history: Tensor = field(init=False)  # [clients, sketch_size], malicious ones included

    def setup(self, known: ServerKnowledge) -> None:
        generator = Generator().manual_seed(known.seed)
        _, model = known.model.initialise(1, known.n_items, generator)
        self.sketch = CountSketch.draw(self.sketch_size, model, generator)
        self.history = model.items.new_zeros(known.n_clients, self.sketch_size, device=known.device)

    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        self.history.index_add_(0, upload.clients, self.sketch.of_clients(upload))
        directions = normalize(self.history.index_select(0, upload.clients), eps=torch.finfo(self.history.dtype).tiny)
        weights = self.weights(directions @ directions.T)
        gradient = GlobalModel(*upload.weighted(weights).total(len(view.model.items)))
        return Aggregation(gradient, inspected=torch.arange(len(weights), device=weights.device), accepted=weights > 0)

    def weights(self, cosines: Tensor) -> Tensor:
        """Return the weights [S] of clients from the cosines [S, S] between their histories."""
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
