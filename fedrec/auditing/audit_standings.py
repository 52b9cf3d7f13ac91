"""How defenses stand: what each costs without an attack, the worst that attacks do to it, the Pareto front, and which is recommended."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from fedrec.auditing.audit_field import Field
from fedrec.auditing.audit_setups import COLD, UNATTACKED, UNDEFENDED, UNPOPULAR, Choice, Known, Setup, exposure_of, lost
from fedrec.auditing.audit_setups import quality_of as quality
from fedrec.comparison.pareto_front import pareto_front
from fedrec.evaluation.degradation import as_harm

PRICE = 0.02  # of HR@10: a defense that costs more is recommended only if no cheaper one protects
PROTECTS = 0.5  # of the worst case without a defense: what a defense that protects leaves at most


@dataclass(frozen=True)
class Standing:
    """A defense. Exposure and degradation are the worst ones that were measured, as means over seeds, each with its attack."""

    defense: Choice
    points: float  # of HR@10 lost without an attack, as a share
    exposure: float
    by: Choice | None  # None: no such attack was measured
    degradation: float
    by_untargeted: Choice | None

    @property
    def was_attacked(self) -> bool:
        return bool(self.by or self.by_untargeted)

    @property
    def worst(self) -> float:
        """The larger of exposure and degradation, both of which lie on a scale up to 1."""
        return max(as_harm(self.exposure), as_harm(self.degradation))


def unattacked(defense: Choice) -> Setup:
    """Return the run of a defense without an attack, which tells what a cold item is exposed to anyway."""
    return Setup(UNATTACKED, defense, 0, COLD, UNPOPULAR)


def promoted(attack: Choice, defense: Choice, accounts: int) -> Setup:
    """Return the run of an attack that promotes a cold item."""
    return Setup(attack, defense, accounts, COLD, UNPOPULAR)


def exposures(known: Known, setup: Setup) -> dict[int, float]:
    """Return ER@10 of every measured seed."""
    return {seed: exposure_of(run) for seed, run in known.get(setup, {}).items()}


def losses(known: Known, setup: Setup, metric: str = "HR@10") -> dict[int, float]:
    """Return the share of a metric that every measured seed lost against the same seed without the attack."""
    free = known.get(unattacked(setup.defense), {})
    return {seed: lost(run, free[seed], metric) for seed, run in known.get(setup, {}).items() if seed in free}


def points(known: Known, defense: Choice) -> list[float]:
    """Return how much lower HR@10 is than without a defense, both without an attack, for every seed that both have."""
    free = known.get(unattacked(UNDEFENDED), {})
    return [quality(free[seed]) - quality(run) for seed, run in known.get(unattacked(defense), {}).items() if seed in free]


def standings(field: Field, known: Known, defenses: Sequence[Choice], attacks: Collection[Choice] | None = None) -> list[Standing]:
    """Return how defenses stand at the field's limit, judged by some attacks or by all; those whose price is unknown are left out.

    Of the attacks of a kind those count that ran with the most seeds, and those that were stronger than these with the first seed.
    """
    found = []
    for defense in defenses:
        own = [one for one in known if one.defense == defense and one.accounts == field.limit and not one.validation]
        own = [one for one in own if attacks is None or one.attack in attacks]
        promoting = {one.attack: exposures(known, one) for one in own if one.target == UNPOPULAR}
        others = {one.attack: losses(known, one) for one in own if not one.kind}
        if price := points(known, defense):
            found.append(Standing(defense, mean(price), *_largest(promoting), *_largest(others)))
    return found


def _largest(values: Mapping[Choice, Mapping[int, float]]) -> tuple[float, Choice | None]:
    """Return the largest mean over seeds and whose it is, among those with the most seeds; equal ones go by name.

    One that the budget left with fewer counts, too, if it was stronger with the first seed than all of these.
    """
    most = max(map(len, values.values()), default=0)
    first = max((own.get(0, 0.0) for own in values.values() if len(own) == most), default=0.0)
    means = {one: mean(own.values()) for one, own in values.items() if own and (len(own) == most or own.get(0, 0.0) > first)}
    by = max(means, key=lambda one: (means[one], one.text), default=None)
    return (0.0, None) if by is None else (means[by], by)


def on_front(found: Sequence[Standing]) -> list[Choice]:
    """Return the attacked defenses than which no other has both a lower price and a lower worst case."""
    own = [one for one in found if one.was_attacked]
    return [own[place].defense for place in pareto_front([(one.points, one.worst) for one in own], highest_x=False, highest_y=False)]


def recommended(field: Field, known: Known, defenses: Sequence[Choice]) -> Choice:
    """Return the defense with the lowest worst case among those that met the same attacks and cost little.

    If none of these protects, it is the cheapest of the others that does.
    """
    found = [one for one in compared(field, known, defenses) if one.was_attacked]
    limit = _most(found)
    cheap = min((one for one in found if one.points <= PRICE), key=lambda one: (one.worst, one.points), default=None)
    if cheap is None or cheap.worst > limit:
        dear = (one for one in found if one.worst <= limit)
        cheap = min(dear, key=lambda one: (one.points, one.worst), default=cheap)
    return cheap.defense if cheap else UNDEFENDED


def compared(field: Field, known: Known, defenses: Sequence[Choice]) -> list[Standing]:
    """Return how those defenses stand that met every attack which ran without a defense, judged by these attacks.

    Nothing is known in favour of a defense that a budget kept from some of them. If none that met all protects, attacks that promote
    items alone count, which more defenses have met.
    """
    ran = [[one for one in attacks if _met(field, known, one, UNDEFENDED)] for attacks in (field.promoting, field.untargeted)]
    found: list[Standing] = []
    for attacks in ([*ran[0], *ran[1]], ran[0]):
        judged = [one for one in defenses if all(_met(field, known, attack, one) for attack in attacks)]
        found = standings(field, known, judged, {*attacks})
        if any(one.defense != UNDEFENDED and one.worst <= _most(found) for one in found):
            break
    return found


def _most(found: Sequence[Standing]) -> float:
    """Return the worst case that a defense which protects leaves at most."""
    return PROTECTS * next((one.worst for one in found if one.defense == UNDEFENDED), 1.0)


def _met(field: Field, known: Known, attack: Choice, defense: Choice) -> bool:
    attacks = field.promoting if attack in field.promoting else field.untargeted
    return first_sight(field, known, attack, defense, attacks is field.promoting) is not None


def strongest(field: Field, known: Known, attacks: Sequence[Choice], defense: Choice) -> list[Choice]:
    """Return attacks by what the first seed does to a defense at the field's limit, the strongest first, without those not measured."""
    promotes = attacks is field.promoting
    values = {attack: first_sight(field, known, attack, defense, promotes) for attack in attacks}
    measured = {attack: value for attack, value in values.items() if value is not None}
    return sorted(measured, key=lambda attack: -measured[attack])


def first_sight(field: Field, known: Known, attack: Choice, defense: Choice, promotes: bool) -> float | None:
    """Return what an attack does to a defense at the field's limit with the first seed: ER@10, or the share of hits that it takes.

    None: it was not measured. The first seed alone chooses what is measured next, so that an audit that was killed chooses the same.
    """
    setup = promoted(attack, defense, field.limit) if promotes else Setup(attack, defense, field.limit)
    return (exposures if promotes else losses)(known, setup).get(0)


def measured_pairs(known: Known) -> list[tuple[Choice, Choice]]:
    """Return attack and defense of all runs that promote a cold item, each once, in the order of the runs."""
    setups = (one for one in known if one.target == UNPOPULAR and one.accounts and not one.validation)
    return list(dict.fromkeys((one.attack, one.defense) for one in setups))


def curve_of(known: Known, attack: Choice, defense: Choice) -> dict[int, list[float]]:
    """Return ER@10 of every seed by number of accounts, ascending."""
    numbers = sorted(one.accounts for one in known if one.accounts and one == promoted(attack, defense, one.accounts))
    return {number: list(exposures(known, promoted(attack, defense, number)).values()) for number in numbers}
