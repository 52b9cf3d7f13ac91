"""Bandwagon attack: fake profiles of the targets, a few popular fillers and random ones.

Mobasher et al., "Toward trustworthy recommender systems", ACM Transactions on Internet Technology 2007.
"""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from fedrec.attacks.popular import PopularFillers


@dataclass(kw_only=True)
class Bandwagon(PopularFillers):
    paper: ClassVar[str] = "Mobasher et al., ACM TOIT 2007"

    popular_share: Annotated[float, Field(gt=0, le=1)]

    def n_popular(self, n_fillers: int) -> int:
        return math.ceil(self.popular_share * n_fillers)
