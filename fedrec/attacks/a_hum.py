"""A-hum: A-ra with hard users, that is, with synthetic users that first learn to dislike the targets.

Rong et al., "Poisoning Deep Learning Based Recommender Model in Federated Learning Scenarios", IJCAI 2022. Each synthetic user takes
`steps` gradient steps at the learning rate eta towards label 0 of the targets, whose embeddings stay. A-ra does the rest.

Against MF-FRS the attack feeds on itself: the longer a target, the further its hard users lie on the other side, and the harder they
pull it there. Public implementations compute the cross-entropy from probabilities (torch's BCELoss), and it loses its slope where
p (1 - p) falls below `least_slope`; that ends the growth. With `least_slope=0` targets grow without end.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.attacks.a_ra import RandomApproximation
from fedrec.interfaces import AttackerView, ClientBatch, NonNegative, Positive


@dataclass(kw_only=True)
class HardUserMining(RandomApproximation):
    steps: Positive
    least_slope: NonNegative

    def users(self, view: AttackerView) -> Tensor:
        drawn, targets = super().users(view), view.model.items[self.known.target_items]
        hard = self.known.model.fit_users(drawn.flatten(0, 1), targets, view.model.scorer, 0.0, view.learning_rate, self.steps)
        return hard.view(drawn.shape)

    def loss(self, scores: Tensor, batch: ClientBatch) -> tuple[Tensor, Tensor]:
        value, derivative = super().loss(scores, batch)
        if self.least_slope:
            probability = torch.sigmoid(scores)
            derivative *= (probability * (1 - probability)).div_(self.least_slope).clamp_(max=1)
        return value, derivative
