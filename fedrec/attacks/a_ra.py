"""A-ra: random embeddings stand for the users, and the clients upload what makes these users like the targets.

Rong et al., "Poisoning Deep Learning Based Recommender Model in Federated Learning Scenarios", IJCAI 2022. In every round each
malicious client draws `synthetic_users` embeddings from N(0, user_std^2). It uploads the gradients of their mean binary cross-entropy
with every target labelled 1, by the target rows and by the scorer; the latter makes it strong. It knows nothing beyond the threat model.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.interfaces import Attack, AttackerView, Positive, Rate, Upload
from fedrec.poisoning.fake_users import fake_gradients, promotion_loss, target_upload
from fedrec.randomness import generator


@dataclass(kw_only=True)
class RandomApproximation(Attack):
    paper = "Rong et al., IJCAI 2022"
    knowledge = "none"
    applies_to = "DL-FRS, Fed-LightGCN with a perceptron (without a scorer: target rows only)"

    loss = staticmethod(promotion_loss)  # of every synthetic user
    synthetic_users: Positive
    user_std: Rate

    def users(self, view: AttackerView) -> Tensor:
        """Draw the synthetic users of each sampled client, [A, s, d]; the lowest client gets the first."""
        shape = (len(view.clients), self.synthetic_users, view.model.items.shape[1])
        drawn = torch.randn(shape, generator=generator(self.known.seed, f"users/{view.round}")).to(view.model.items)
        return self.user_std * drawn[view.clients.argsort().argsort()]

    def poison(self, view: AttackerView) -> Upload:
        users, targets = self.users(view), self.known.target_items
        fake = fake_gradients(self.known.model, users, targets, view.model, self.loss)
        weights = users.new_full((self.synthetic_users,), 1 / self.synthetic_users)
        everybody = torch.arange(len(view.clients), device=users.device)
        return target_upload(view.clients, everybody, targets, fake.target_rows(weights), fake.scorer(weights))
