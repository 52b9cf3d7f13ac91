"""How defenses stand: what the worst attacks do to each, what it costs, its rank over seeds, and the Pareto front."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from experiments.leaderboards.boards import Board
from experiments.leaderboards.field import NONE
from fedrec.comparison.over_seeds import OverSeeds
from fedrec.comparison.pareto_front import pareto_front
from fedrec.evaluation.degradation import as_harm

Case = tuple[int, str, str]  # a board, a defense, and ER@10 or degradation

EXPOSURE, DEGRADATION, PRICE = 0.05, 0.10, 0.02  # at most so much is asked of a defense: of ER@10, of HR@10 as a share, in points of HR@10


@dataclass(frozen=True)
class Worst:
    """What the worst of several attacks does to a defense, as the mean over seeds."""

    value: float
    error: float | None
    attack: str


@dataclass(frozen=True)
class Standing:
    """A defense on a board."""

    defense: str
    hits: OverSeeds  # HR@10 without an attack
    price: OverSeeds  # what this is below HR@10 without a defense; of no seed while that has not been measured
    exposure: Worst | None  # ER@10; None: no such attack was measured
    degradation: Worst | None
    exposure_at_end: Worst | None  # at the last epoch: an attack may win late, and the best epoch is then an early one
    degradation_at_end: Worst | None
    both: float  # the larger of the two, a degradation below 0 counting as 0; in [0, 1]
    rank: int
    ranks: tuple[int, int]  # the lowest and the highest with one seed alone
    on_front: bool  # no other defense has a lower price and a lower worst of both
    attacks: int  # that were measured with this defense
    diverged: Sequence[str]  # attacks, and `none`, with which a run diverged

    @property
    def survives(self) -> bool:
        """Whether the worst cases and the price keep to what is asked of a defense."""
        worst = ((self.exposure, EXPOSURE), (self.degradation, DEGRADATION))
        return all(one is not None and one.value <= most for one, most in worst) and bool(self.price.n) and self.price.mean <= PRICE


def standings(board: Board) -> list[Standing]:
    """Return all defenses of a board, the best first. Equal ones share a rank, and those without a measured attack are left out."""
    whole = _both(board)
    single = [_ranks(_both(board.of_seed(seed))) for seed in board.seeds]
    ranks = _ranks(whole)
    ordered = sorted(ranks, key=lambda defense: (ranks[defense], defense))
    priced = [defense for defense in ordered if board.price(defense).n]
    points = [(board.price(defense).mean, whole[defense]) for defense in priced]
    front = {priced[place] for place in pareto_front(points, highest_x=False, highest_y=False)}
    return [_standing(board, defense, whole[defense], ranks[defense], single, defense in front) for defense in ordered]


def _standing(board: Board, defense: str, both: float, rank: int, single: Sequence[Mapping[str, int]], on_front: bool) -> Standing:
    alone = [ranks[defense] for ranks in single if defense in ranks]
    exposure, degradation = worst(board, defense)
    at_end = worst(board, defense, "final", "final")
    measured = [attack for attack, other in board.runs if other == defense and attack != NONE]
    diverged = [key[0] for key, runs in board.runs.items() if key[1] == defense and any("diverged" in run for run in runs.values())]
    worst_cases = (exposure, degradation, *at_end, both, rank, (min(alone), max(alone)))
    return Standing(defense, board.hits(defense), board.price(defense), *worst_cases, on_front, len(measured), diverged)


def worst(board: Board, defense: str, shown: str = "near_best", hit: str = "best") -> tuple[Worst | None, Worst | None]:
    """Return the largest ER@10 and the largest degradation by these rules, each as a mean over seeds, with the attack that reaches it."""
    exposures = {attack: board.exposure(attack, defense, shown) for attack in board.attacks}
    losses = {attack: board.degradation(attack, defense, hit) for attack in board.attacks}
    return _largest(exposures), _largest(losses)


def _largest(values: Mapping[str, OverSeeds]) -> Worst | None:
    known = {attack: one for attack, one in values.items() if one.n}
    if not known:
        return None
    attack = max(known, key=lambda name: known[name].mean)
    return Worst(known[attack].mean, known[attack].error, attack)


def _both(board: Board) -> dict[str, float]:
    """Return the worst of both kinds of every defense that some attack was measured with."""
    found = {defense: [one for one in worst(board, defense) if one] for defense in board.defenses}
    return {defense: max(as_harm(one.value) for one in cases) for defense, cases in found.items() if cases}


def _ranks(values: Mapping[str, float]) -> dict[str, int]:
    """Return 1 + the number of defenses that are better."""
    return {defense: 1 + sum(other < value for other in values.values()) for defense, value in values.items()}


@dataclass(frozen=True)
class Strength:
    """What an attack does over all defenses of a board."""

    harm: float  # the mean over defenses of the larger of ER@10 and degradation; in [0, 1]
    exposure: float  # the largest
    degradation: float
    broken: int  # defenses with more than is asked of one
    defenses: int  # that it was measured with


def strengths(board: Board) -> dict[str, Strength]:
    """Return what each attack does, the strongest first."""
    found = {attack: _strength(board, attack) for attack in board.attacks}
    known = {attack: one for attack, one in found.items() if one}
    return dict(sorted(known.items(), key=lambda item: (-item[1].harm, item[0])))


def _strength(board: Board, attack: str) -> Strength | None:
    """Return the strength of an attack, None if it has been measured with no defense that was measured without an attack."""
    pairs = [(board.exposure(attack, defense), board.degradation(attack, defense)) for defense in board.defenses]
    values = [(exposure.mean if exposure.n else 0.0, as_harm(loss.mean)) for exposure, loss in pairs if loss.n]
    if not values:
        return None
    broken = sum(exposure > EXPOSURE or loss > DEGRADATION for exposure, loss in values)
    largest = [max(column) for column in zip(*values, strict=True)]
    return Strength(mean(max(pair) for pair in values), largest[0], largest[1], broken, len(values))


def strongest(found: Sequence[Board], number: int | None) -> list[str]:
    """Return so many attacks, or all of them, whose worst cases come closest to those of all attacks.

    One after another the attack is taken that adds most to the sum of the largest ER@10 and the largest degradation of all defenses. By
    mean harm one would miss an attack that does most to the best ones.
    """
    harms = {attack: _harms(found, attack) for attack in dict.fromkeys(attack for board in found for attack in board.attacks)}
    worst_cases: dict[Case, float] = {}
    taken: list[str] = []
    while harms and len(taken) != number:
        added = {attack: sum(max(0.0, harm - worst_cases.get(case, 0.0)) for case, harm in own.items()) for attack, own in harms.items()}
        attack = min(harms, key=lambda name: (-added[name], -sum(harms[name].values()), name))
        taken.append(attack)
        worst_cases |= {case: max(harm, worst_cases.get(case, 0.0)) for case, harm in harms.pop(attack).items()}
    return taken


def _harms(found: Sequence[Board], attack: str) -> dict[Case, float]:
    """Return ER@10 and degradation of every defense under an attack, as far as they were measured; in [0, 1]."""
    kinds = {"ER@10": Board.exposure, "degradation": Board.degradation}
    cases = {
        (place, defense, kind): value(board, attack, defense)
        for place, board in enumerate(found)
        for defense in board.defenses
        for kind, value in kinds.items()
    }
    return {case: as_harm(one.mean) for case, one in cases.items() if one.n}
