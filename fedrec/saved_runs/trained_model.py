"""What a run has trained, and what it recommends: the same scores, item for item, that the evaluation ranked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fedrec.evaluation.evaluator import Evaluator
from fedrec.evaluation.user_block import WIDTH_MULTIPLE, users_at_once
from fedrec.interfaces import GlobalModel, Interactions, Model
from fedrec.ragged import top_of_columns

Numbers = NDArray[np.int64]
Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Recommended:
    """The lists of B users."""

    users: Numbers  # [B]
    items: Numbers  # [B, k], from the highest score; -1 where there is no item left
    scores: Scores  # [B, k], logits


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model after training. Users and items are numbers from 0."""

    model: Model
    users: Tensor  # [U, d]
    global_model: GlobalModel
    training: Interactions  # what each user trained on
    targets: Sequence[int]

    @classmethod
    def of(cls, evaluator: Evaluator) -> "TrainedModel":
        """Return the model of the federation that an evaluator measures, as it is now."""
        state, global_model = evaluator.state, evaluator.state.global_model
        scorer = {name: value.cpu() for name, value in global_model.scorer.items()}
        of_all = state.users.cpu(), GlobalModel(global_model.items.cpu(), scorer)
        return cls(evaluator.model, *of_all, evaluator.split.train, evaluator.targets)

    def recommend(self, users: Numbers, k: int, exclude_seen: bool = True) -> Iterator[Recommended]:
        """Yield the k items with the highest scores of each user [n], in blocks and in the order of the users' numbers.

        What the user trained on is left out unless `exclude_seen` is false. The users are scored in the blocks in which the evaluation
        scores all users, because the last digits of a product depend on its size. As there, a tie counts against a target item, and an
        item whose score is not a number is never recommended; of other items with equal scores, the one with the lower number comes first.
        """
        size, ascending = users_at_once(len(self.global_model.items)), np.unique(users)
        for block in np.unique(ascending // size).tolist():
            start, stop = block * size, min((block + 1) * size, len(self.users))
            wanted = ascending[(ascending >= start) & (ascending < stop)]
            scores = self._scores(start, stop, exclude_seen)
            columns = scores if len(wanted) == stop - start else scores[:, torch.from_numpy(wanted - start)]
            yield Recommended(wanted, *self._highest(columns, k))

    def _scores(self, start: int, stop: int, exclude_seen: bool) -> Tensor:
        """Return the scores of all items for the users start to stop - 1, [M, stop - start]; -inf for what is not recommended."""
        n_items, n_users = len(self.global_model.items), stop - start
        users = self.users[torch.arange(start, start + n_users + -n_users % WIDTH_MULTIPLE).clamp(max=stop - 1)]
        seen = self.training.of(torch.arange(start, stop))
        own = (seen.items * len(users) + seen.users).sort().values  # positions in the scores
        with torch.no_grad():
            scores = self.model.score_all(users, self.global_model, users.new_empty(n_items, len(users)), own)
        if exclude_seen:
            scores.view(-1).index_fill_(0, own, -torch.inf)
        return scores.nan_to_num_(-torch.inf, torch.inf, -torch.inf)[:, :n_users]

    def _highest(self, scores: Tensor, k: int) -> tuple[Numbers, Scores]:
        """Return the items with the k highest scores of each user and these scores; [M, B] -> 2 x [B, k]."""
        highest, items = (part.T.numpy() for part in top_of_columns(scores.contiguous(), k))  # [B, k]
        least = highest[:, -1]
        tied = (torch.count_nonzero(scores >= torch.from_numpy(least.copy()), dim=0).numpy() > k) & ~np.isneginf(least)
        for user in np.flatnonzero(tied):  # more items have the least score than there is place for
            own = scores[:, user].numpy()
            candidates = np.flatnonzero(own >= least[user])
            items[user] = candidates[self._order(own[candidates], candidates)][:k]
            highest[user] = own[items[user]]
        order = self._order(highest, items)
        items, highest = np.take_along_axis(items, order, 1), np.take_along_axis(highest, order, 1)
        return np.where(np.isneginf(highest), -1, items), highest

    def _order(self, scores: Scores, items: Numbers) -> Numbers:
        """Return the order from the highest score on; of equal scores a target item comes last."""
        return np.lexsort((items, np.isin(items, self.targets), -scores))
