"""PSMU: a synthetic user of each malicious client shall like every target better than the products that compete with it.

Yuan et al., "Manipulating Federated Recommender Systems: Poisoning with Synthetic Users and Its Countermeasures", SIGIR 2023. In every
round a client draws u from N(0, user_std^2), and `profile_size` random items that u shall like and as many others. It trains u alone
with Adam on Bayesian personalised ranking. The alternatives of a target are u's `top_k` best items, filled up to `alternatives` by the
items with the largest <v_a, v_t>. The loss is the sum over targets and alternatives of sigmoid(<u, v_a> - <u, v_t>), and the client uploads
its gradient by the target rows. It knows nothing beyond the threat model. The defense `hics` is of the same paper.

The paper does not give the learning rate of u, which decides: u may not outgrow real users, or the sigmoid has no slope. No target is an
alternative of another one. Under DL-FRS scores are Psi in place of <u, v>, except where items are compared with a target.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from fedrec.interfaces import Attack, AttackerKnowledge, AttackerView, ClientBatch, GlobalModel, Positive, Rate, Upload
from fedrec.poisoning.fake_users import equal_batch, fake_gradients, target_upload
from fedrec.randomness import generator

BETAS = 0.9, 0.999  # of Adam


@dataclass(kw_only=True)
class SyntheticRankingUsers(Attack):
    paper = "Yuan et al., SIGIR 2023"
    knowledge = "none"
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"
    keeps_models = False

    profile_size: Positive
    user_std: Rate
    user_rate: Rate
    steps: Positive
    top_k: Positive
    alternatives: Positive

    def setup(self, known: AttackerKnowledge) -> None:
        super().setup(known)
        if 2 * self.profile_size > known.n_items:
            raise ValueError(f"attack.profile_size = {self.profile_size}: at most {known.n_items // 2}, half of the items")

    def poison(self, view: AttackerView) -> Upload:
        if not len(view.clients):
            return Upload.of_rows(view.clients, view.clients, view.clients, view.model.items[:0])
        users, targets = self.users(view), self.known.target_items
        everybody = torch.arange(len(users), device=users.device)
        others, counts = self._alternatives(users, view.model)  # 2 x [A, T, a]

        def competition(scores: Tensor, batch: ClientBatch) -> tuple[Tensor, Tensor]:
            """Return each user's sum of sigmoid(s_a - s_t), [A], and its derivative by s_t, [A * T]."""
            likely = torch.sigmoid(others - scores.view(*others.shape[:2], 1))  # [A, T, a]
            return (likely * counts).sum((1, 2)), -(likely * (1 - likely) * counts).sum(2).flatten()

        fake = fake_gradients(self.known.model, users[:, None], targets, view.model, competition)
        return target_upload(view.clients, everybody, targets, fake.rows[:, 0], {})

    def users(self, view: AttackerView) -> Tensor:
        """Return each sampled client's user after training on its profile, [A, d]; the lowest client gets the first draws."""
        shape, drawing = (len(view.clients), view.model.items.shape[1]), generator(self.known.seed, f"users/{view.round}")
        users = self.user_std * torch.randn(shape, generator=drawing)
        keys = torch.rand(len(view.clients), self.known.n_items, generator=drawing)
        order = view.clients.argsort().argsort()
        profiles = keys.topk(2 * self.profile_size, dim=1).indices.to(order.device)[order]  # [A, 2 P], those to like first
        users = users.to(view.model.items)[order]
        labels = (torch.arange(2 * self.profile_size, device=order.device) < self.profile_size).to(users.dtype).expand(profiles.shape)
        return self._trained(users, equal_batch(profiles, labels.contiguous()), view.model)

    def _trained(self, users: Tensor, batch: ClientBatch, model: GlobalModel) -> Tensor:
        """Return users [A, d] after Adam (Kingma and Ba, ICLR 2015), whose step costs a third of that of `torch.optim.Adam`."""
        first, second = torch.zeros_like(users), torch.zeros_like(users)
        for step in range(self.steps):
            gradient = self.known.model.local_gradients(users, model, batch, ranking).users
            first.lerp_(gradient, 1 - BETAS[0])
            second.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
            rate = self.user_rate / (1 - BETAS[0] ** (step + 1))
            users = users - rate * first / (second / (1 - BETAS[1] ** (step + 1))).sqrt_().add_(1e-8)
        return users

    def _alternatives(self, users: Tensor, model: GlobalModel) -> tuple[Tensor, Tensor]:
        """Return the scores of items that may compete with each target for each user, and whether they do, 2 x [A, T, a]."""
        targets, n_items = self.known.target_items, len(model.items)
        scores = self.known.model.score_all(users, model, users.new_empty(n_items, len(users))).T  # [A, M]
        ranked = scores.index_fill(1, targets, -torch.inf)
        top_k = min(self.top_k, self.alternatives, n_items - len(targets))
        best = ranked.topk(top_k, dim=1).indices  # [A, k]
        products = (model.items[targets] @ model.items.T).index_fill_(1, targets, -torch.inf)  # [T, M]
        alike = products.topk(min(top_k + self.alternatives, n_items - len(targets)), dim=1).indices  # [T, b]
        is_new = (alike[:, :, None] != best[:, None, None]).all(3)  # [A, T, b]
        fills = is_new & (is_new.cumsum(2) <= self.alternatives - top_k)
        items = torch.cat([best[:, None].expand(-1, len(targets), -1), alike.expand(len(users), -1, -1)], 2)  # [A, T, k + b]
        counts = torch.cat([fills.new_ones(*fills.shape[:2], top_k), fills], 2)
        return scores.gather(1, items.flatten(1)).view(items.shape), counts


def ranking(scores: Tensor, batch: ClientBatch) -> tuple[Tensor, Tensor]:
    """Return Bayesian personalised ranking of users with equally many pairs, of which the first half is positive; as `interfaces.Loss`."""
    positive, negative = scores.view(len(batch.clients), 2, -1).unbind(1)  # [A, P]
    margin = positive - negative
    slope = -torch.sigmoid(-margin) / margin.shape[1]
    return -logsigmoid(margin).mean(1), torch.stack([slope, -slope], 1).flatten()
