"""Bulyan: the trimmed mean of the uploads that Krum selects one after another.

El Mhamdi, Guerraoui, Rouault, "The Hidden Vulnerability of Distributed Learning in Byzantium", ICML 2018: repeated Krum selects
theta = n - 2f uploads; of each coordinate, the result is theta times the mean of the beta = theta - 2f values closest to the median.
`score` chooses between the paper's score and that of the published code (`fedrec.aggregation.selecting`).
f = floor(malicious_share n). With n < 4f + 3 uploads the rule falls back. With `scope=whole_update` clients are selected, and of the n_j
rows that are left for an item floor(2 malicious_share n_j) are trimmed.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.aggregation import Fallback, GroupedUploads, Rule, Scope, Score, ScorerShare, select_uploads
from fedrec.aggregation.rule import assembled, grouped
from fedrec.aggregation.whole_updates import WholeUpdates
from fedrec.defenses.trimmed_mean import TrimmedMean
from fedrec.interfaces import Share


@dataclass(kw_only=True)
class Bulyan(Rule):
    paper = "El Mhamdi et al., ICML 2018"

    malicious_share: Share
    fallback: Fallback
    scope: Scope
    score: Score
    scorer_share: ScorerShare

    def applies(self, uploads: GroupedUploads) -> Tensor:
        return uploads.sizes >= 4 * self.tolerated(uploads) + 3

    def combine(self, uploads: GroupedUploads) -> tuple[Tensor, Tensor]:
        f, applies = self.tolerated(uploads), self.applies(uploads)
        n_selected = torch.where(applies, uploads.sizes - 2 * f, uploads.sizes * (self.fallback == "sum"))
        accepted = select_uploads(uploads, n_selected, f, self.score, repeated=True)
        if isinstance(uploads, WholeUpdates):
            return self._trim_items(uploads, accepted) if applies else uploads.sum(accepted, accepted), accepted
        selected = uploads.only(accepted)
        means = selected.trimmed_means(selected.sizes - 2 * f * applies, around_median=True)
        return means * selected.sizes[:, None], accepted

    def _trim_items(self, updates: WholeUpdates, accepted: Tensor) -> Tensor:
        trimming = TrimmedMean(
            malicious_share=2 * self.malicious_share, fallback=self.fallback, score="paper", scorer_share=self.scorer_share
        )
        groups = grouped(updates.upload.from_clients(accepted), updates.model)
        return updates.join(assembled(groups, [trimming.combine(uploads)[0] for uploads in groups], updates.model))
