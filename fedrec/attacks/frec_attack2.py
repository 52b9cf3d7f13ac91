"""FRecAttack2: virtual users that resemble the benign ones unlearn what these would like, and learn what they would not.

Hao et al., "Not One Less: Exploring Interplay between User Profiles and Items in Untargeted Attacks against Federated Recommendation", CCS
2024. Every malicious client has an embedding of its own that it trains honestly. From these come virtual users. With `collude` (ColSH)
clients share their embeddings, K-means cuts them into clusters, and virtual users are drawn around the centres; without it (IndSH) a client
draws them around its own embedding. A client finds the items that they will like most and least (`fedrec.poisoning.hard_items`): a share
alpha of all items each. The former are labelled 0, the latter 1; it uploads the gradients of the mean binary cross-entropy by these items
and by the scorer.

The loss is a mean over the client's items. The released code's server weighs a client by its number of items, so that a row counts as much
as any other (`weighting=rows`): here it is made as long as a row of the client's own profile would be. With `weighting=mean` it stays as
short as the mean makes it.

The paper's malicious clients have profiles of real users; here they make them up. The first rise of a score is from items of zeros. As in
the released code all colluders take an honest step in each round, and a client on its own takes `own_steps` when it takes part. After the
first end of its patience the released code keeps the lists until a patience of 3 has passed once more; here the rule stays the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from fedrec.interfaces import (
    AttackerKnowledge,
    AttackerView,
    DenseScorerGradients,
    GlobalModel,
    Positive,
    Rate,
    ScorerPart,
    Upload,
)
from fedrec.poisoning.hard_items import HardItems
from fedrec.poisoning.honest_users import HonestProfilesAttack, HonestUsers
from fedrec.poisoning.virtual_users import around_clusters, clusters_of, mean_gradients, summed_scores
from fedrec.randomness import generator


class LastReceived:
    """The item matrix that each client received when it last took part, one for all clients of a round; zeros before."""

    def __init__(self, n_clients: int) -> None:
        self.rounds = torch.full((n_clients,), -1)
        self.matrices: dict[int, Tensor] = {}

    def receive(self, clients: Tensor, round: int, items: Tensor) -> None:
        """Take note that clients [A] receive the matrix [M, d], which must stay as it is."""
        self.rounds[clients.cpu()] = round
        self.matrices[round] = items
        for unneeded in self.matrices.keys() - set(self.rounds.tolist()):
            del self.matrices[unneeded]

    def state_dict(self) -> dict[str, Any]:
        return {"rounds": self.rounds.clone(), "matrices": dict(self.matrices)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.rounds, self.matrices = state["rounds"].clone(), dict(state["matrices"])


@dataclass(kw_only=True)
class FRecAttack2(HonestProfilesAttack):
    paper = "Hao et al., CCS 2024"
    knowledge = "items' popularity, for profiles (may be masked)"
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"
    memory = ("honest", "hard", "received")

    collude: bool
    virtual_users: Positive
    spread: Rate
    alpha: Annotated[float, Field(gt=0, le=0.5)]
    patience: Positive
    later_patience: Positive
    own_steps: Positive
    weighting: Literal["rows", "mean"]
    hard: HardItems = field(init=False)
    received: LastReceived = field(init=False)

    def setup(self, known: AttackerKnowledge) -> None:
        super().setup(known)
        n_listed = int(self.alpha * known.n_items)
        if not n_listed:
            raise ValueError(f"attack.alpha = {self.alpha}: not one of {known.n_items} items; at least {1 / known.n_items}")
        self.honest, self.received = HonestUsers(known, self.kappa, own_items=False), LastReceived(known.n_clients)
        self.hard = HardItems(known.n_clients, n_listed, self.patience, self.later_patience, known.target_items.device)

    def poison(self, view: AttackerView) -> Upload:
        if not len(view.clients):
            return Upload.of_rows(view.clients, view.clients, view.clients, view.model.items[:0])
        users, everybody = self.users(view), torch.arange(len(view.clients), device=view.clients.device)
        scores = summed_scores(self.known.model, users, view.model)
        liked, disliked = self.hard.update(view.clients, scores - self.scores_before(users, view), scores).unbind(1)
        self.received.receive(view.clients, view.round, view.model.items)
        items, labels = torch.cat([disliked, liked], 1), users.new_ones(2 * self.hard.n)
        labels[self.hard.n :] = 0
        weight = len(labels) / self.honest.profiles.shape[1] if self.weighting == "rows" else 1.0
        rows, scorer = mean_gradients(self.known.model, users, items, labels, weight, view.model)
        self.train(view)
        parts = (ScorerPart(everybody, DenseScorerGradients(scorer)),) if scorer else ()
        return Upload.of_rows(view.clients, items.flatten(), everybody.repeat_interleave(items.shape[1]), rows.flatten(0, 1), parts)

    def users(self, view: AttackerView) -> Tensor:
        """Return the virtual users of each client, [A, n, d]; the lowest client gets the first draw."""
        shape = (len(view.clients), self.virtual_users, view.model.items.shape[1])
        noise = torch.randn(shape, generator=generator(self.known.seed, f"virtual_users/{view.round}")).to(view.model.items)
        noise = noise[view.clients.argsort().argsort()]
        if not self.collude:
            return self.honest.users[view.clients, None] + self.spread * noise
        centres, sizes = clusters_of(self.honest.users, generator(self.known.seed, f"centres/{view.round}"))
        return around_clusters(centres, sizes, self.spread, noise)

    def scores_before(self, users: Tensor, view: AttackerView) -> Tensor:
        """Return the scores [A, M] that virtual users [A, n, d] give to the items as each client last received them."""
        rounds = self.received.rounds[view.clients.cpu()]
        scores = torch.empty(len(users), len(view.model.items), dtype=users.dtype, device=users.device)
        for round in rounds.unique().tolist():  # as many as an epoch has rounds, or a few more
            items = self.received.matrices[round] if round >= 0 else torch.zeros_like(view.model.items)
            own = (rounds == round).nonzero().flatten().to(users.device)
            scores[own] = summed_scores(self.known.model, users[own], GlobalModel(items, view.model.scorer))
        return scores

    def train(self, view: AttackerView) -> None:
        """Let the clients' own embeddings learn from their profiles."""
        everybody = torch.arange(self.known.n_clients, device=view.clients.device)
        clients, steps = (everybody, 1) if self.collude else (view.clients, self.own_steps)
        for _ in range(steps):
            self.honest.train(clients, view.model, view.learning_rate)
