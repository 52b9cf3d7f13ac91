"""Other settings of the recommended defense, tried on the validation item, and attacks that are tuned against it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fedrec.auditing.audit_field import Field
from fedrec.auditing.audit_setups import UNDEFENDED, Choice, Known, Run, Setup, Wanted
from fedrec.auditing.audit_standings import first_sight, promoted, recommended, strongest, unattacked

OPTIONS = ("C", "gamma", "beta", "N", "longest", "tau", "weight", "kappa")  # of defenses; what decides how strictly one works
FACTORS = (0.3, 3.0)  # by which an option is multiplied
_MOST = 4  # settings beside the defaults
_MARGIN = 0.005  # by so much other settings must be better than the defaults
DECORRELATED = "attack.decorrelate=true"
RESPONSES: Mapping[str, Sequence[str]] = {  # what an attacker who knows that there is a defense may change
    "pieck_uea": ("attack.adaptive=true", DECORRELATED),
    "pieck_ipe": ("attack.adaptive=true", DECORRELATED),
    "poison_frs": ("attack.start_round=0", DECORRELATED),
    "popular": ("attack.prior=popularity", DECORRELATED),
    "bandwagon": ("attack.prior=popularity", DECORRELATED),
    "min_sum": ("attack.deviation=std", DECORRELATED),
    "spattack": ("attack.prior=uploads", DECORRELATED),
    "cluster_attack": ("attack.prior=popularity", DECORRELATED),
}
ANYWAY = (Choice("ipm", ("attack.epsilon=10",)), Choice("alie", ("attack.z=3",)))  # attacks that promote nothing, whatever was strongest


def variants(defense: Mapping[str, Any]) -> Sequence[tuple[str, ...]]:
    """Return other settings of a defense whose options are given: one option is changed at a time.

    >>> variants({"C": 0.001, "scope": "per_item"})
    [('defense.C=0.0003',), ('defense.C=0.003',)]
    """
    numbers = {name: defense[name] for name in OPTIONS if isinstance(defense.get(name), int | float)}
    changed = ((name, type(value)(max(factor * value, isinstance(value, int)))) for name, value in numbers.items() for factor in FACTORS)
    return [(f"defense.{name}={value:.6g}",) for name, value in changed][:_MOST]


def trials(field: Field, known: Known) -> Iterator[Wanted]:
    """Yield the runs on the validation item that tell which settings of the recommended defense are best."""
    defense = recommended(field, known, field.defenses)
    if settings := field.settings.get(defense):
        yield _on_validation(unattacked(UNDEFENDED))
        for options in ((), *settings):
            yield from _tried(field, known, defense, Choice(defense.name, options))


def tuned(field: Field, known: Known) -> Choice | None:
    """Return the recommended defense with other settings, if they are better than its own; None as long as that is not known."""
    defense = recommended(field, known, field.defenses)
    free = _known(known, _on_validation(unattacked(UNDEFENDED)))
    scores = {}
    for options in ((), *field.settings.get(defense, ())):
        choice = Choice(defense.name, options)
        runs = [_known(known, wanted) for wanted in _tried(field, known, defense, choice)]
        if free is None or any(run is None for run in runs):
            return None
        scores[choice] = max(_harm(run, free) for run in runs if run is not None)
    best = min(scores, key=lambda choice: scores[choice])
    return best if scores[best] < scores[defense] - _MARGIN else None


def _tried(field: Field, known: Known, defense: Choice, choice: Choice) -> list[Wanted]:
    """Return the runs that judge settings of a defense: without an attack, and with what is strongest on its defaults."""
    promoting, untargeted = (strongest(field, known, attacks, defense)[:1] for attacks in (field.promoting, field.untargeted))
    attacked = [promoted(attack, choice, field.limit) for attack in promoting]
    others = [Setup(attack, choice, field.limit) for attack in untargeted]
    return [_on_validation(setup) for setup in (unattacked(choice), *attacked, *others)]


def _on_validation(setup: Setup) -> Wanted:
    return Wanted(replace(setup, validation=True), 0)


def _known(known: Known, wanted: Wanted) -> Run | None:
    return known.get(wanted.setup, {}).get(wanted.seed)


def _harm(run: Run, free: Run) -> float:
    """Return the larger of ER@10 and the share of hits that is lost against no defense and no attack, at the epoch chosen on validation."""
    if "diverged" in run or not run["validation"]:
        return 1.0
    hits = free["validation"]["validation_HR@10"]
    return float(max(run["validation"].get("ER@10", 0.0), 1 - run["validation"]["validation_HR@10"] / hits if hits else 1.0))


def responses(field: Field, known: Known, defense: Choice) -> tuple[list[Choice], list[Choice]]:
    """Return attacks that are tuned against a defense: those that promote items, from the two strongest, and those that do not."""
    if defense == UNDEFENDED:
        return [], []
    promoting = [one for attack in strongest(field, known, field.promoting, defense)[:2] for one in _changed(attack)]
    untargeted = [one for attack in strongest(field, known, field.untargeted, defense)[:1] for one in _changed(attack)]
    return promoting, list(dict.fromkeys([*untargeted, *(ANYWAY if field.untargeted else ())]))


def _changed(attack: Choice) -> list[Choice]:
    return [Choice(attack.name, (*attack.options, option)) for option in RESPONSES.get(attack.name, (DECORRELATED,))]


def worse_responses(field: Field, known: Known, defense: Choice) -> tuple[list[Choice], list[Choice]]:
    """Return the strongest response of each kind if it does more than every attack that all defenses faced, judged by the first seed."""
    found = []
    for attacks, tried in zip((field.promoting, field.untargeted), responses(field, known, defense), strict=True):
        promotes = attacks is field.promoting
        before, after = ({one: first_sight(field, known, one, defense, promotes) or 0.0 for one in some} for some in (attacks, tried))
        best = max(after, key=lambda one: (after[one], one.text), default=None)
        found.append([best] if best is not None and after[best] > max(before.values(), default=0.0) else [])
    return found[0], found[1]
