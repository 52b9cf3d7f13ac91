"""GuardCQ: drop clients after whose updates the popular items do not rise.

Hao et al., "Not One Less: Exploring Interplay between User Profiles and Items in Untargeted Attacks against Federated Recommendation",
CCS 2024, and its artifact. The server draws virtual users and adds up their scores. Three sets of items count as popular: those with the
highest scores, those whose scores have risen most since the last round, and those that most clients upload. For each client it steps
along the client's update alone and scores anew. A client's contribution to a set is (risen + 1) / (present + 1), each summed over its
last participations: of the items of the set that it uploads, how many rise. The contributions of a round are sorted and split at their
largest gap. A client below it in all three sets is dropped, unless it uploads next to nothing of every set.
The updates that are left are added up (artifact: averaged), so a round whose malicious clients are all dropped is one without attack.
What is chosen here: before the first round all scores were 0; of equal scores or counts the item with the lower number comes first; the
most uploaded items are those of the round; a step along one update is gradient descent with eta, whatever `system.server_optimizer` is.
The artifact also joins ranks by score into the second set, later in training; it adds up probabilities where these are logits, scores the
items of the round before by the new scorer, and drops nobody in the first rounds (`start_detect`, 50 or 100 in its examples).
The artifact's virtual users are drawn around 0 where the scorer is a perceptron, and are the real ones, which clients share there, where
it is a scalar product. A random direction says nothing under a scalar product: half of the users like what everybody dislikes. So under
MF-FRS they first take `user_steps` gradient steps with which they learn to like the most uploaded items.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.func import vmap

from fedrec.aggregation import GroupedUploads
from fedrec.aggregation.aggregate import Sum
from fedrec.interfaces import Aggregation, Aggregator, GlobalModel, Positive, Rate, ServerKnowledge, ServerView, Upload
from fedrec.ragged import positions, repeat_each
from fedrec.randomness import generator

NUMBERS_AT_ONCE = 2_000_000  # of embeddings held at once while clients' items are scored


@dataclass(kw_only=True)
class GuardCQ(Aggregator):
    paper = "Hao et al., CCS 2024"
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"
    memory = ("participations", "history", "items", "scorer")

    virtual_users: Positive
    user_std: Rate
    user_steps: Annotated[int, Field(ge=0)]
    popular_share: Annotated[float, Field(gt=0, le=1)]
    window: Positive
    least_gap: Annotated[float, Field(ge=0, le=1)]
    exempt_items: Annotated[int, Field(ge=0)]
    known: ServerKnowledge = field(init=False)
    participations: Tensor = field(init=False)  # [clients]
    history: Tensor = field(init=False)  # [clients, window, 3, 2] int32, of each set how many items have risen and are present, 1 added
    items: Tensor | None = field(init=False, default=None)  # [M, d] of the round before; None before the first
    scorer: dict[str, Tensor] = field(init=False)

    def setup(self, known: ServerKnowledge) -> None:
        self.known, self.items, self.scorer = known, None, {}
        self.participations = torch.zeros(known.n_clients, dtype=torch.int64, device=known.device)
        self.history = torch.zeros(known.n_clients, self.window, 3, 2, dtype=torch.int32, device=known.device)

    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        uploads = GroupedUploads.by_item(upload, self.known.n_items)
        n_uploads = torch.zeros(self.known.n_items, dtype=torch.int64, device=uploads.keys.device).index_copy_(
            0, uploads.keys, uploads.sizes
        )  # [M]
        most_uploaded = self._first(n_uploads, len(uploads.keys))
        users = self._users(most_uploaded, view)
        is_popular = self._popular(users, most_uploaded, view.model)
        own = uploads.only(uploads.repeat_by_group(is_popular.any(0).index_select(0, uploads.keys)))
        items = own.repeat_by_group(own.keys)  # [n]
        present = is_popular.index_select(1, items)  # [3, n]
        risen = present & self._rises(users, own, items, upload, view)
        counts = torch.stack([_by_client(risen, own.senders, upload), _by_client(present, own.senders, upload)], 2)  # [S, 3, 2]
        self._remember(upload.clients, counts + 1, view.model)
        is_exempt = (counts[:, :, 1] <= self.exempt_items).all(1)
        kept = is_exempt | ~self._below(upload.clients).all(0)
        aggregation = Sum()(upload.weighted(kept.to(users.dtype)), view)
        return Aggregation(aggregation.gradient, None, None, torch.arange(len(kept), device=kept.device), kept, aggregation.touched)

    def _users(self, most_uploaded: Tensor, view: ServerView) -> Tensor:
        """Return the virtual users of a round, [users, d], who learn to like the marked items, [M] bool."""
        items, scorer = view.model.items, view.model.scorer
        drawn = torch.randn(self.virtual_users, items.shape[1], generator=generator(self.known.seed, f"users/{view.round}"))
        users, liked = drawn.mul_(self.user_std).to(items), items.index_select(0, positions(most_uploaded))
        return self.known.model.fit_users(users, liked, scorer, 1.0, view.learning_rate, self.user_steps) if self.user_steps else users

    def _popular(self, users: Tensor, most_uploaded: Tensor, model: GlobalModel) -> Tensor:
        """Return which items each of the three sets holds, [3, M] bool."""
        scores = self._scores(users, model)
        before = torch.zeros_like(scores) if self.items is None else self._scores(users, GlobalModel(self.items, self.scorer))
        return torch.stack([self._first(scores, len(scores)), self._first(scores - before, len(scores)), most_uploaded])

    def _first(self, values: Tensor, n: int) -> Tensor:
        """Return which items have the largest values [M], as many as the popular share of n, but one at least; [M] bool."""
        order = values.argsort(descending=True, stable=True)
        return torch.zeros_like(values, dtype=torch.bool).index_fill_(0, order[: max(1, int(self.popular_share * n + 1e-9))], True)

    def _scores(self, users: Tensor, model: GlobalModel) -> Tensor:
        """Return the scores of all items, summed over the virtual users, [M]."""
        return self.known.model.score_all(users, model, model.items.new_empty(len(model.items), len(users))).sum(1)

    def _rises(self, users: Tensor, own: GroupedUploads, items: Tensor, upload: Upload, view: ServerView) -> Tensor:
        """Return whether the score of an item rises if the update of the client that sends it is the only one, [n] bool."""
        score, (everything, scorer) = self.known.model.score, (view.model.items, view.model.scorer)
        after = everything.index_select(0, items) - view.learning_rate * own.rows  # [n, d]
        scored = partial(vmap, chunk_size=max(1, NUMBERS_AT_ONCE // max(1, after.numel())))
        before = scored(lambda user: score(user, everything.index_select(0, own.keys), scorer))(users)  # [users, J]
        if scorer and len(items):
            scores = self._scores_after(users, own, after, upload, view)  # [users, n]
        else:
            scores = scored(lambda user: score(user, after, scorer))(users)
        gains = scores - own.repeat_by_group(before)
        return gains.sum(0) > 0

    def _scores_after(self, users: Tensor, own: GroupedUploads, rows: Tensor, upload: Upload, view: ServerView) -> Tensor:
        """Return the scores of rows [n, d] by the scorers that their senders alone would make, [users, n]."""
        sizes, order = torch.bincount(own.senders, minlength=len(upload.clients)), own.senders.argsort(stable=True)
        numbers = torch.arange(len(order), device=order.device) - repeat_each(sizes.cumsum(0) - sizes, sizes)
        places = torch.empty_like(order).index_copy_(0, order, numbers)  # of each row among those of its sender
        padded = rows.new_zeros(len(sizes), int(sizes.max()), rows.shape[1]).index_put_((own.senders, places), rows)  # [S, K, d]
        (senders, gradients), model = upload.scorer_rows(), view.model
        scorers = {name: value.expand(len(sizes), *value.shape).clone() for name, value in model.scorer.items()}
        for name, value in gradients.items():
            scorers[name].index_add_(0, senders, value, alpha=-view.learning_rate)
        size = max(1, NUMBERS_AT_ONCE // (len(users) * padded[0].numel()))
        score = vmap(lambda rows, scorer: self.known.model.score(users[:, None], rows, scorer), chunk_size=size)
        scores: Tensor = score(padded, scorers)  # [S, users, K]
        return scores[own.senders, :, places].T

    def _remember(self, clients: Tensor, counts: Tensor, model: GlobalModel) -> None:
        """Take note of the counts [S, 3, 2] of a participation, in place of the oldest one, and of the model."""
        self.history[clients, self.participations[clients] % self.window] = counts.int()
        self.participations[clients] += 1
        self.items, self.scorer = model.items, dict(model.scorer)

    def _below(self, clients: Tensor) -> Tensor:
        """Return which clients [S] are below the largest gap between the contributions to each set, [3, S] bool."""
        risen, present = self.history[clients].sum(1).double().unbind(2)  # [S, 3]
        contributions = (risen / present).T
        ordered = contributions.sort(descending=True).values
        gaps = ordered[:, :-1] - ordered[:, 1:]  # [3, S - 1]
        if not gaps.shape[1]:
            return torch.zeros_like(contributions, dtype=torch.bool)
        largest = gaps.amax(1, keepdim=True)
        above = (gaps == largest).int().cumsum(1).eq(0).sum(1, keepdim=True)  # how many gaps lie above the first of the largest ones
        return (largest >= self.least_gap) & (contributions < ordered.gather(1, above))


def _by_client(marked: Tensor, senders: Tensor, upload: Upload) -> Tensor:
    """Return how many of each client's rows are marked; [3, n] bool, senders [n] -> [S, 3]."""
    return torch.zeros(len(upload.clients), 3, dtype=torch.int64, device=senders.device).index_add_(0, senders, marked.T.long())
