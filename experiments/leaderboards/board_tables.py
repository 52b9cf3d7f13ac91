"""The leaderboard as tables in Markdown."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from experiments.analysis.names import named
from experiments.leaderboards.boards import Board, boards
from experiments.leaderboards.field import NONE
from experiments.leaderboards.standings import Standing, Worst, standings, strengths
from experiments.leaderboards.wanted_cells import EXPERIMENTS
from fedrec.comparison.markdown_table import grid
from fedrec.comparison.over_seeds import OverSeeds

if TYPE_CHECKING:
    import pandas as pd

COLOURED = "<!-- coloured -->\n"  # stands before a table whose cells the page colours by their numbers
_NOTHING = "-"


def all_models(found: Sequence[Board]) -> Iterator[str]:
    """Yield the worst of both kinds of every defense on all boards of a data set, by the largest and then by the mean."""
    stand = {board.model: {one.defense: one for one in standings(board)} for board in found}
    if len(stand) < 2:
        return
    defenses = {defense for own in stand.values() for defense in own}
    rows = []
    for defense in defenses:
        values = [own[defense].both if defense in own else None for own in stand.values()]
        known = [value for value in values if value is not None]
        rank = len(known) < len(values), max(known), sum(known)
        rows.append((*rank, defense, [_NOTHING if one is None else f"{100 * one:.1f}" for one in values]))
    heads = ["defense", *(named("model", model) for model in stand), "largest"]
    yield "The worst of both kinds with each model, in percent; the smaller, the better."
    yield COLOURED + grid(heads, [[named("defense", defense), *cells, f"{100 * most:.1f}"] for _, most, _, defense, cells in sorted(rows)])


def standing_table(board: Board) -> Iterator[str]:
    """Yield the standings of a board."""
    found = standings(board)
    heads = [
        *("rank", "ranks, seed by seed", "defense", "worst of both", "worst ER@10", "worst degradation"),
        *("worst ER@10 at the last epoch", "worst degradation at the last epoch"),
        *("HR@10 without attack", "price", "Pareto front", "keeps to the limits", "attacks", "diverged"),
    ]
    yield grid(heads, [_standing(one, board) for one in found])


def _standing(one: Standing, board: Board) -> list[str]:
    low, high = one.ranks
    diverged = ", ".join(named("attack", attack) for attack in one.diverged)
    return [
        *(str(one.rank), str(low) if low == high else f"{low} to {high}", named("defense", one.defense), f"{100 * one.both:.1f}"),
        *(_worst(case) for case in (one.exposure, one.degradation, one.exposure_at_end, one.degradation_at_end)),
        *(percent(one.hits), percent(one.price)),
        *("yes" if one.on_front else "", _kept(one, len(board.attacks)), f"{one.attacks} of {len(board.attacks)}", diverged),
    ]


def _kept(one: Standing, n_attacks: int) -> str:
    """Return whether a defense keeps to the limits against so many attacks, in bold."""
    return "**yes**" if one.survives and one.attacks == n_attacks else ""


def _worst(one: Worst | None) -> str:
    """Return a worst case with its attack, which comes last, so that the column sorts by the number."""
    return _NOTHING if one is None else f"{_with_error(one.value, one.error)} ({named('attack', one.attack)})"


def percent(values: OverSeeds) -> str:
    """
    Return a mean and its standard error in percent.

    >>> percent(OverSeeds({0: 0.25, 1: 0.75})), percent(OverSeeds({}))
    ('50.0 ± 25.0', '-')
    """
    return _with_error(values.mean, values.error) if values.n else _NOTHING


def _with_error(value: float, error: float | None) -> str:
    return f"{100 * value + 0.0:.1f}" + ("" if error is None else f" ± {100 * error:.1f}")


def attack_tables(board: Board) -> Iterator[str]:
    """Yield what every attack does to every defense, in two tables, in the order of the standings."""
    defenses = [one.defense for one in standings(board)]
    promoting = [attack for attack in board.attacks if attack in board.promoting]
    if promoting:
        yield "ER@10 around the best epoch, of the attacks that promote items:"
        yield COLOURED + _matrix(defenses, promoting, board.exposure, board)
    for attacks, whose in ((promoting, "attacks that promote items"), (board.attacks[len(promoting) :], "attacks that promote nothing")):
        if attacks:
            yield f"Degradation of HR@10 by the {whose}:"
            yield COLOURED + _matrix(defenses, attacks, board.degradation, board)


def _matrix(defenses: Sequence[str], attacks: Sequence[str], value: Callable[[str, str], OverSeeds], board: Board) -> str:
    def shown(attack: str, defense: str) -> str:
        diverged = any("diverged" in run for run in board.runs.get((attack, defense), {}).values())
        return percent(value(attack, defense)) + (" diverged" if diverged else "")

    heads = ["defense", *(named("attack", attack) for attack in attacks)]
    return grid(heads, [[named("defense", defense), *(shown(attack, defense) for attack in attacks)] for defense in defenses])


def strength_table(board: Board) -> Iterator[str]:
    """Yield the attacks of a board, the strongest first."""
    heads = ["attack", "promotes", "mean harm", "defenses broken", "largest ER@10", "largest degradation"]
    yield grid(
        heads,
        [
            [
                named("attack", attack),
                "yes" if attack in board.promoting else "",
                f"{100 * one.harm:.1f}",
                f"{one.broken} of {one.defenses}",
                f"{100 * one.exposure:.1f}" if attack in board.promoting else _NOTHING,
                f"{100 * one.degradation:.1f}",
            ]
            for attack, one in strengths(board).items()
        ],
    )


def combination_table(table: "pd.DataFrame") -> Iterator[str]:
    """Yield the combinations, those that keep to the limits first, then by price and worst case. All attacks are those of any board."""
    n_attacks = len({attack for board in boards(table, [*EXPERIMENTS["ml100k"], *EXPERIMENTS["combinations"]]) for attack in board.attacks})
    for board in boards(table, EXPERIMENTS["combinations"]):
        found = sorted(standings(board), key=lambda one: (not one.survives, -one.attacks, one.both))
        rows = [
            [
                *(named("defense", one.defense), _kept(one, n_attacks)),
                *(percent(one.price), _worst(one.exposure), _worst(one.degradation), f"{one.attacks} of {n_attacks}"),
            ]
            for one in found
            if one.defense != NONE
        ]
        heads = ["combination", "keeps to the limits", "price", "worst ER@10", "worst degradation", "attacks"]
        yield grid(heads, rows)
