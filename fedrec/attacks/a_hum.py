"""A-hum: A-ra with hard users, synthetic ones that first learn to dislike the targets.

Rong et al., "Poisoning Deep Learning Based Recommender Model in Federated Learning Scenarios", IJCAI 2022. `steps` gradient steps at
the learning rate eta on the mean binary cross-entropy over a client's synthetic users and the targets, label 0, move the users while
the targets stay; then as A-ra.
"""

from dataclasses import dataclass

from torch import Tensor

from fedrec.attacks.a_ra import RandomApproximation
from fedrec.interfaces import AttackerView, Positive


@dataclass(kw_only=True)
class HardUserMining(RandomApproximation):
    steps: Positive

    def users(self, view: AttackerView) -> Tensor:
        drawn, targets = super().users(view), view.model.items[self.known.target_items]
        rate = view.learning_rate / self.synthetic_users
        return self.known.model.fit_users(drawn.flatten(0, 1), targets, view.model.interaction, 0.0, rate, self.steps).view(drawn.shape)
