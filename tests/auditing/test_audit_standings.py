"""Which defense is recommended where a budget kept some defenses from some attacks."""

from fedrec.auditing.audit_field import Field
from fedrec.auditing.audit_setups import UNDEFENDED, Choice, Run, Setup
from fedrec.auditing.audit_standings import promoted, recommended, unattacked

FLAME, MEDIAN, WEAK, STRONG, UNTARGETED = (Choice(name) for name in ("flame", "median", "weak", "strong", "untargeted"))
FIELD = Field(1000, [WEAK, STRONG], [UNTARGETED], [UNDEFENDED, FLAME, MEDIAN], [0.2], 1)


def ended(exposure: float, hits: float = 0.5) -> dict[int, Run]:
    numbers = {"ER@10": exposure, "HR@10": hits, "NDCG@10": hits}
    return {0: {"near_best": numbers, "peak": numbers, "best": numbers}}


def screened() -> dict[Setup, dict[int, Run]]:
    known = {unattacked(defense): ended(0.0) for defense in FIELD.defenses}
    known |= {promoted(attack, UNDEFENDED, FIELD.limit): ended(0.9) for attack in (WEAK, STRONG)}
    return known | {promoted(WEAK, FLAME, FIELD.limit): ended(0.05), promoted(STRONG, FLAME, FIELD.limit): ended(0.3)}


def test_a_defense_that_met_fewer_attacks_is_not_better() -> None:
    known = screened() | {promoted(WEAK, MEDIAN, FIELD.limit): ended(0.1)}
    assert recommended(FIELD, known, FIELD.defenses) == FLAME
    assert recommended(FIELD, known | {promoted(STRONG, MEDIAN, FIELD.limit): ended(0.2)}, FIELD.defenses) == MEDIAN


def test_an_attack_that_only_one_defense_met_does_not_count_against_it() -> None:
    known = screened() | {promoted(attack, MEDIAN, FIELD.limit): ended(0.4) for attack in (WEAK, STRONG)}
    known |= {Setup(UNTARGETED, defense, FIELD.limit): ended(0.0, 0.1) for defense in (UNDEFENDED, FLAME)}
    assert recommended(FIELD, known, FIELD.defenses) == FLAME  # median did not meet what promotes nothing
    del known[Setup(UNTARGETED, FLAME, FIELD.limit)]
    assert recommended(FIELD, known, FIELD.defenses) == FLAME  # nobody did: exposure alone counts
    known |= {Setup(UNTARGETED, defense, FIELD.limit): ended(0.0, 0.1 if defense == FLAME else 0.4) for defense in (FLAME, MEDIAN)}
    assert recommended(FIELD, known, FIELD.defenses) == MEDIAN


def test_what_protects_may_cost_more_if_nothing_cheap_protects() -> None:
    known = screened() | {promoted(attack, MEDIAN, FIELD.limit): ended(0.1) for attack in (WEAK, STRONG)}
    known[unattacked(MEDIAN)] = ended(0.0, 0.45)  # five points
    assert recommended(FIELD, known, FIELD.defenses) == FLAME  # it halves the worst case, and costs nothing
    known[promoted(STRONG, FLAME, FIELD.limit)] = ended(0.8)
    assert recommended(FIELD, known, FIELD.defenses) == MEDIAN
    known[promoted(STRONG, MEDIAN, FIELD.limit)] = ended(0.7)
    assert recommended(FIELD, known, FIELD.defenses) == FLAME  # neither protects
