"""Popular attack: each malicious client trains as a user of the targets and of popular filler items would.

Gunes et al., "Shilling attacks against recommender systems: a comprehensive survey", Artificial Intelligence Review 2014. The attack
assumes that popular items are known; without that (`prior=masked`) each client mines them first (Algorithm 1 of PIECK).
"""

from dataclasses import dataclass

from fedrec.poisoning.fake_profiles import PopularProfiles


@dataclass(kw_only=True)
class PopularFillers(PopularProfiles):
    paper = "Gunes et al., Artificial Intelligence Review 2014"

    def n_popular(self, n_fillers: int) -> int:
        return n_fillers
