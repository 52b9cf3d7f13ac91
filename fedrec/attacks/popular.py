"""Popular attack: fake profiles of the targets and popular fillers only.

Gunes et al., "Shilling attacks against recommender systems: a comprehensive survey", Artificial Intelligence Review 2014.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from fedrec.interfaces import PriorWanted
from fedrec.poisoning.fake_profiles import FakeProfiles


@dataclass(kw_only=True)
class PopularFillers(FakeProfiles):
    paper: ClassVar[str] = "Gunes et al., Artificial Intelligence Review 2014"
    knowledge: ClassVar[str] = "items' popularity (mined by default)"

    prior: Literal["masked", "popularity"]

    def prior_wanted(self) -> PriorWanted:
        return PriorWanted(popularity=self.prior == "popularity")

    def n_popular(self, n_fillers: int) -> int:
        return n_fillers
