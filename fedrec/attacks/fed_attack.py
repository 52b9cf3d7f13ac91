"""FedAttack: honest training on swapped samples. What a user would like most is labelled disliked, and the other way round.

Wu et al., "FedAttack: Effective and Covert Poisoning Attack on Federated Recommendation via Hard Sampling", KDD 2022. Of the items that a
client has not met those with the highest scores are labelled 1 (the hardest negatives), and of those that it has met those with the lowest
scores are labelled 0 (the hardest positives). It uploads the gradients of these pairs by the usual loss, and those of the scorer.

The paper's malicious clients have profiles of real users; here they make them up. Each client keeps its embedding honest: it trains it on
the profile as it is, so that it goes on telling what the user likes.
"""

from dataclasses import dataclass

import torch

from fedrec.interfaces import (
    AttackerKnowledge,
    AttackerView,
    ClientBatch,
    Positive,
    RowGroup,
    ScorerPart,
    Upload,
)
from fedrec.poisoning.fake_users import equal_batch
from fedrec.poisoning.honest_users import HonestProfilesAttack, HonestUsers
from fedrec.ragged import positions_of_largest


@dataclass(kw_only=True)
class FedAttack(HonestProfilesAttack):
    paper = "Wu et al., KDD 2022"
    knowledge = "items' popularity, for profiles (may be masked)"
    applies_to = "MF-FRS, DL-FRS"
    memory = ("honest",)

    hardest: Positive

    def setup(self, known: AttackerKnowledge) -> None:
        super().setup(known)
        self.honest = HonestUsers(known, self.kappa, own_items=False)
        most = min(self.kappa // 2, known.n_items - self.kappa // 2)
        if self.hardest > most:
            raise ValueError(f"attack.hardest = {self.hardest}: at most {most}, as many as a profile has positives and leaves items")

    def poison(self, view: AttackerView) -> Upload:
        batch = self.swapped(view)
        gradients = self.known.model.local_gradients(self.honest.users[view.clients], view.model, batch, self.known.loss)
        self.honest.train(view.clients, view.model, view.learning_rate)
        owners = torch.arange(len(view.clients), device=view.clients.device)
        scorer = () if gradients.scorer is None else (ScorerPart(owners, gradients.scorer),)
        return Upload(view.clients, (RowGroup(owners, batch.offsets, batch.items, gradients.rows),), scorer)

    def swapped(self, view: AttackerView) -> ClientBatch:
        """Return the pairs that the clients pretend to train on: the hardest negatives as positives, the hardest positives as negatives."""
        users, met = self.honest.users[view.clients], self.honest.positives[view.clients].long()  # [A, d], [A, kappa / 2]
        space = users.new_empty(self.known.n_items, len(users))
        scores = self.known.model.score_all(users, view.model, space).T.contiguous() if len(users) else space.T  # [A, M]
        least = met.gather(1, positions_of_largest(-scores.gather(1, met), self.hardest))
        best = positions_of_largest(scores.scatter(1, met, -torch.inf), self.hardest)
        return equal_batch(torch.cat([best, least], 1), torch.cat([torch.ones_like(best), torch.zeros_like(least)], 1).to(users.dtype))
