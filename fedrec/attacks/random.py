"""Random attack: fake profiles of the targets and random fillers (Lam and Riedl, "Shilling Recommender Systems for Fun and Profit")."""

from dataclasses import dataclass
from typing import ClassVar

from fedrec.poisoning.fake_profiles import FakeProfiles


@dataclass(kw_only=True)
class RandomFillers(FakeProfiles):
    paper: ClassVar[str] = "Lam & Riedl, WWW 2004"
    knowledge: ClassVar[str] = "none"

    def n_popular(self, n_fillers: int) -> int:
        return 0
