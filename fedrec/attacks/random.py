"""Random attack: each malicious client trains as a user of the targets and of random filler items would.

Lam and Riedl, "Shilling Recommender Systems for Fun and Profit", WWW 2004. It knows nothing beyond the threat model.
"""

from dataclasses import dataclass

from fedrec.poisoning.fake_profiles import FakeProfiles


@dataclass(kw_only=True)
class RandomFillers(FakeProfiles):
    paper = "Lam & Riedl, WWW 2004"
    knowledge = "none"

    def n_popular(self, n_fillers: int) -> int:
        return 0
