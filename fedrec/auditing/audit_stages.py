"""The questions of an audit, in the order in which a budget serves them.

Each stage maps the field and the results so far to the runs that answer its question, measured or not, as far as one can tell them today.
A stage knows the results of the stages before it and its own, so the same results always lead to the same runs.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from fedrec.auditing.account_search import next_number, spread
from fedrec.auditing.audit_field import Field
from fedrec.auditing.audit_setups import UNDEFENDED, Choice, Known, Setup, Wanted
from fedrec.auditing.audit_standings import curve_of, first_sight, promoted, recommended, strongest, unattacked
from fedrec.auditing.audit_tuning import responses, trials, tuned, worse_responses

_BEST = 2  # so many attacks per defense, the strongest at first sight, are tried with other numbers of accounts; one in a quick audit


@dataclass(frozen=True)
class Stage:
    """A question."""

    name: str  # in the column `question`
    share: float  # of the budget that is spent at the end of this stage, at first; what is left goes to the questions that were cut short
    runs: Callable[[Field, Known], Iterator[Wanted]]
    title: str  # in a sentence on what was left out


def price(field: Field, known: Known) -> Iterator[Wanted]:
    """Every defense without an attack, seed by seed."""
    yield from (Wanted(unattacked(defense), seed) for seed in field.seeds for defense in field.defenses)


def screen(field: Field, known: Known) -> Iterator[Wanted]:
    """Every attack that promotes items on every defense at the limit, with one seed."""
    yield from _screened(field, field.defenses)


def _screened(field: Field, defenses: Sequence[Choice]) -> Iterator[Wanted]:
    yield from (Wanted(promoted(attack, defense, field.limit), 0) for defense in defenses for attack in field.promoting)


def accounts(field: Field, known: Known) -> Iterator[Wanted]:
    """The strongest attacks by number of accounts: first without a defense, then the strongest one of each defense, then the second."""
    found = {defense: strongest(field, known, field.promoting, defense) for defense in field.defenses}
    places = range(1 if field.quick else _BEST)
    others = [(attacks[place], defense) for place in places for defense, attacks in found.items() if len(attacks) > place]
    return searched(field, known, sorted(others, key=lambda pair: pair[1] != UNDEFENDED))


def searched(field: Field, known: Known, pairs: Sequence[tuple[Choice, Choice]]) -> Iterator[Wanted]:
    """Yield what is known of pairs of attack and defense, and what the bisections for all levels try next, each with all seeds.

    Numbers of accounts that somebody asks for come first.
    """
    for attack, defense in pairs:
        curve = curve_of(known, attack, defense)
        found = (next_number(curve, level, field.grid, field.limit, field.n_seeds) for level in field.levels)
        numbers = [*field.numbers, *curve, *(number for number in found if number is not None)]
        yield from (Wanted(promoted(attack, defense, number), seed) for number in dict.fromkeys(numbers) for seed in field.seeds)


def degradation(field: Field, known: Known) -> Iterator[Wanted]:
    """Every attack that promotes nothing on every defense at the limit, with one seed: first on those that stop promotion best."""

    def seen(defense: Choice) -> float:
        return max((first_sight(field, known, attack, defense, True) or 0.0 for attack in field.promoting), default=0.0)

    return _degraded(field, sorted(field.defenses, key=lambda defense: (defense != UNDEFENDED, seen(defense))))


def _degraded(field: Field, defenses: Sequence[Choice]) -> Iterator[Wanted]:
    yield from (Wanted(Setup(attack, defense, field.limit), 0) for defense in defenses for attack in field.untargeted)


def degradation_again(field: Field, known: Known) -> Iterator[Wanted]:
    """The strongest one of these on each defense with all seeds."""
    return _again(field, known, field.defenses)


def _again(field: Field, known: Known, defenses: Sequence[Choice]) -> Iterator[Wanted]:
    best = {defense: attack for defense in defenses for attack in strongest(field, known, field.untargeted, defense)[:1]}
    yield from (Wanted(Setup(attack, defense, field.limit), seed) for seed in field.seeds for defense, attack in best.items())


def degradation_by_accounts(field: Field, known: Known) -> Iterator[Wanted]:
    """The same by number of accounts, without a defense and with the recommended one."""
    for defense in _without_and_with(field, known):
        for attack in strongest(field, known, field.untargeted, defense)[:1]:
            numbers = spread(field.grid, field.limit)[::-1]
            yield from (Wanted(Setup(attack, defense, number), seed) for number in numbers for seed in field.seeds)


def _without_and_with(field: Field, known: Known) -> list[Choice]:
    return list(dict.fromkeys((UNDEFENDED, recommended(field, known, field.defenses))))


def items(field: Field, known: Known) -> Iterator[Wanted]:
    """The strongest attack on items of every kind, without a defense and with the recommended one."""
    defenses = _without_and_with(field, known)
    best = {defense: attack for defense in defenses for attack in strongest(field, known, field.promoting, defense)[:1]}
    number = max(map(len, field.items.values()), default=0)
    for place, seed in ((place, seed) for place in range(1 if field.quick else number) for seed in field.seeds):
        for defense, attack in best.items():
            setups = (Setup(attack, defense, field.limit, kind, found[place].target) for kind, found in field.items.items())
            yield from (Wanted(setup, seed) for setup in setups)


def tuning(field: Field, known: Known) -> Iterator[Wanted]:
    """Other settings of the recommended defense, judged on the validation item."""
    return iter(()) if field.quick else trials(field, known)


def tuned_screen(field: Field, known: Known) -> Iterator[Wanted]:
    """The best settings like every other defense, if they are not the defaults."""
    for better in _tuned(field, known):
        yield from (Wanted(unattacked(better), seed) for seed in field.seeds)
        yield from _screened(field, [better])
        yield from _degraded(field, [better])


def tuned_accounts(field: Field, known: Known) -> Iterator[Wanted]:
    for better in _tuned(field, known):
        yield from _again(field, known, [better])
        yield from searched(field, known, [(attack, better) for attack in strongest(field, known, field.promoting, better)[:_BEST]])


def _tuned(field: Field, known: Known) -> list[Choice]:
    better = None if field.quick else tuned(field, known)
    return [] if better is None else [better]


def final(field: Field, known: Known) -> Choice:
    """Return the recommended defense, with its settings."""
    return recommended(field, known, [*field.defenses, *_tuned(field, known)])


def minimax(field: Field, known: Known) -> Iterator[Wanted]:
    """Attacks that are tuned against the recommended defense, with one seed."""
    if not field.quick:
        best = final(field, known)
        promoting, untargeted = responses(field, known, best)
        yield from (Wanted(promoted(attack, best, field.limit), 0) for attack in promoting)
        yield from (Wanted(Setup(attack, best, field.limit), 0) for attack in untargeted)


def minimax_again(field: Field, known: Known) -> Iterator[Wanted]:
    """The worst of these with all seeds and by number of accounts, if it is worse than what all defenses faced."""
    if not field.quick:
        best = final(field, known)
        promoting, untargeted = worse_responses(field, known, best)
        yield from searched(field, known, [(attack, best) for attack in promoting])
        yield from (Wanted(Setup(attack, best, field.limit), seed) for attack in untargeted for seed in field.seeds)


def undefended(runs: Callable[[Field, Known], Iterator[Wanted]]) -> Callable[[Field, Known], Iterator[Wanted]]:
    """Return a question as it is without a defense, which is the first that one wants to know."""
    return lambda field, known: runs(replace(field, defenses=[UNDEFENDED]), known)


STAGES = (
    Stage("price", 0.02, undefended(price), "what is recommended without an attack"),
    Stage("screen", 0.05, undefended(screen), "which attack is strongest without a defense"),
    Stage("accounts", 0.2, undefended(accounts), "how many accounts reach which exposure without a defense"),
    Stage("items", 0.25, undefended(items), "which kinds of items can be promoted without a defense"),
    Stage("price", 0.35, price, "what each defense costs without an attack"),
    Stage("screen", 0.5, screen, "which attack is strongest on which defense"),
    Stage("accounts", 0.64, accounts, "how many accounts reach which exposure"),
    Stage("degradation", 0.78, degradation, "what attacks that promote nothing destroy"),
    Stage("degradation", 0.81, degradation_again, "what the strongest of these destroys, with all seeds"),
    Stage("degradation", 0.84, degradation_by_accounts, "what it destroys by number of accounts"),
    Stage("items", 0.9, items, "which kinds of items can be promoted"),
    Stage("tuning", 0.93, tuning, "whether other settings of the recommended defense are better"),
    Stage("tuning", 0.95, tuned_screen, "what the attacks do to these settings"),
    Stage("tuning", 0.97, tuned_accounts, "how many accounts these settings withstand"),
    Stage("minimax", 1.0, minimax, "what attacks do that are tuned against the recommended defense"),
    Stage("minimax", 1.0, minimax_again, "how many accounts the worst of these attacks needs"),
)
