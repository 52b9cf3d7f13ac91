"""The paper's statements, in its own order."""

from collections.abc import Sequence

from experiments.analysis.claims import on_attacks, on_defenses, on_parameters, on_popularity, on_training
from experiments.analysis.claims.claim import Claim

CLAIMS: Sequence[Claim] = (
    *(*on_popularity.CLAIMS, *on_attacks.CLAIMS, *on_defenses.CLAIMS),
    *(*on_parameters.CLAIMS, *on_training.CLAIMS),
)
