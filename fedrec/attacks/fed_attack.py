"""FedAttack: honest training on the hardest samples. What a user likes most is a negative, and what it likes least is a positive.

Wu et al., "FedAttack: Effective and Covert Poisoning Attack on Federated Recommendation via Hard Sampling", KDD 2022. Of all items those
with the highest scores are labelled 0 (the hardest negatives), and those with the lowest scores are labelled 1 (the hardest positives).
A client uploads the gradients of these pairs by the usual loss, and those of the scorer. The released code takes one item of each.

The paper's malicious clients have profiles of real users; here they make them up. Each client keeps its embedding honest: it trains it on
the profile as it is, so that it goes on telling what the user likes. The released code ranks items by the scalar product with it, which
is what a user likes under MF-FRS; here the model scores them.
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
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"
    memory = ("honest",)

    hardest: Positive

    def setup(self, known: AttackerKnowledge) -> None:
        super().setup(known)
        self.honest = HonestUsers(known, self.kappa, own_items=False)
        if self.hardest > known.n_items // 2:
            raise ValueError(f"attack.hardest = {self.hardest}: at most {known.n_items // 2}, half of the items")

    def poison(self, view: AttackerView) -> Upload:
        batch = self.hard_samples(view)
        gradients = self.known.model.local_gradients(self.honest.users[view.clients], view.model, batch, self.known.loss)
        self.honest.train(view.clients, view.model, view.learning_rate)
        owners = torch.arange(len(view.clients), device=view.clients.device)
        scorer = () if gradients.scorer is None else (ScorerPart(owners, gradients.scorer),)
        return Upload(view.clients, (RowGroup(owners, batch.offsets, batch.items, gradients.rows),), scorer)

    def hard_samples(self, view: AttackerView) -> ClientBatch:
        """Return the pairs that the clients pretend to train on: the hardest positives, then the hardest negatives."""
        users = self.honest.users[view.clients]  # [A, d]
        space = users.new_empty(self.known.n_items, len(users))
        scores = self.known.model.score_all(users, view.model, space).T.contiguous() if len(users) else space.T  # [A, M]
        best = positions_of_largest(scores, self.hardest)
        least = positions_of_largest(-scores.scatter(1, best, torch.inf), self.hardest)  # others, also where scores are alike
        return equal_batch(torch.cat([least, best], 1), torch.cat([torch.ones_like(least), torch.zeros_like(best)], 1).to(users.dtype))
