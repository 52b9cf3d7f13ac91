"""Bandwagon attack: each malicious client trains as a user of the targets, a few popular and many random filler items would.

Mobasher et al., "Toward trustworthy recommender systems", ACM Transactions on Internet Technology 2007. The attack assumes that
popular items are known; without that (`prior=masked`) each client mines them first (Algorithm 1 of PIECK).
"""

import math
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from fedrec.poisoning.fake_profiles import PopularProfiles


@dataclass(kw_only=True)
class Bandwagon(PopularProfiles):
    paper = "Mobasher et al., ACM TOIT 2007"

    popular_share: Annotated[float, Field(gt=0, le=1)]

    def n_popular(self, n_fillers: int) -> int:
        return math.ceil(self.popular_share * n_fillers)
