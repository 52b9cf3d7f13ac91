"""A-ra: approximation of users by random embeddings, made to like the targets (against DL-FRS).

Rong et al., "Poisoning Deep Learning Based Recommender Model in Federated Learning Scenarios", IJCAI 2022. In every round each
malicious client draws `synthetic_users` embeddings from N(0, user_std^2) and uploads the gradients of their mean binary
cross-entropy, targets labelled 1: target rows and the scorer, which is what makes it strong.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from fedrec.interfaces import AttackerView, ClientBatch, Positive, Rate, Upload
from fedrec.poisoning.fake_users import draw_by_client, fake_gradients, promotion_loss, target_upload
from fedrec.poisoning.stateless import StatelessAttack
from fedrec.randomness import generator


@dataclass(kw_only=True)
class RandomApproximation(StatelessAttack):
    paper: ClassVar[str] = "Rong et al., IJCAI 2022"
    knowledge: ClassVar[str] = "none"
    applies_to: ClassVar[str] = "DL-FRS (runs on MF-FRS, target rows only)"

    synthetic_users: Positive
    user_std: Rate

    def users(self, view: AttackerView) -> Tensor:
        """The synthetic users of each sampled client, [A, s, d]."""
        items = view.model.items
        shape = (self.synthetic_users, items.shape[1])
        return self.user_std * draw_by_client(view.clients, shape, items, generator(self.known.seed, f"users/{view.round}"))

    def loss(self, scores: Tensor, batch: ClientBatch) -> tuple[Tensor, Tensor]:
        """What every synthetic user trains; as `interfaces.Loss`."""
        return promotion_loss(scores, batch)

    def poison(self, view: AttackerView) -> Upload:
        users, targets = self.users(view), self.known.target_items
        fake = fake_gradients(self.known.model, users, targets, view.model, self.loss)
        weights = users.new_full((self.synthetic_users,), 1 / self.synthetic_users)
        everybody = torch.arange(len(view.clients), device=users.device)
        return target_upload(view, everybody, targets, fake.target_rows(weights), fake.scorer(weights))
