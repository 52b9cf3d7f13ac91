"""Bulyan: the trimmed mean of the uploads that Krum selects one after another.

El Mhamdi et al., "The Hidden Vulnerability of Distributed Learning in Byzantium", ICML 2018: of the theta = n - 2f selected uploads, of
each coordinate the mean of the theta - 2f values closest to the median, here theta times. With `scope=whole_update` clients are selected,
and of the n_j rows that are left for an item floor(2 malicious_share n_j) are trimmed.
"""

from dataclasses import dataclass

from torch import Tensor

from fedrec.aggregation.grouped_uploads import GroupedUploads
from fedrec.aggregation.selecting_rule import Selecting
from fedrec.aggregation.trimming import means_around_median
from fedrec.defenses.trimmed_mean import TrimmedMean
from fedrec.interfaces import GlobalModel, ServerView, Upload


@dataclass(kw_only=True)
class Bulyan(Selecting):
    paper = "El Mhamdi et al., ICML 2018"
    applies_to = "MF-FRS, DL-FRS"

    def combine(self, uploads: GroupedUploads) -> tuple[Tensor, Tensor]:
        accepted = self.weights_of_groups(uploads) > 0
        selected, applies = uploads.only(accepted), self.applies(uploads.sizes)
        trimmed = 2 * self.tolerated(uploads.sizes) * applies
        return (means_around_median(selected.ascending(), selected.sizes, trimmed) * selected.sizes).T, accepted

    def weighted(self, upload: Upload, weights: Tensor, view: ServerView) -> GlobalModel:
        trimming = TrimmedMean(malicious_share=2 * self.malicious_share, fallback=self.fallback, score="paper")
        return trimming(upload.from_clients(weights > 0), view).gradient
