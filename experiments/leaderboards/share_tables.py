"""Which attack is strongest at which share of malicious clients, as tables in Markdown."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from experiments.analysis.measured import Measured
from experiments.analysis.names import named
from experiments.leaderboards.board_tables import COLOURED, percent
from experiments.leaderboards.boards import Board, Run, key_of
from experiments.leaderboards.wanted_cells import EXPERIMENTS
from fedrec.comparison.markdown_table import grid

if TYPE_CHECKING:
    import pandas as pd


def share_tables(table: "pd.DataFrame") -> Iterator[str]:
    """Yield, for each data set and defense, every attack at every share of malicious clients."""
    measured = Measured.of(table)
    found: dict[tuple[str, str], dict[str, dict[tuple[str, str], Mapping[int, Run]]]] = {}
    for cell in (cell for name in EXPERIMENTS["shares"] for cell in measured.cells.get(name, ())):
        share = cell.choices["system.malicious_share"]
        found.setdefault((cell.dataset, cell.choices["defense"]), {}).setdefault(share, {})[key_of(cell)] = cell.runs
    for (dataset, defense), by_share in found.items():
        of_share = {share: Board(dataset, "mf", runs) for share, runs in sorted(by_share.items(), key=lambda item: float(item[0]))}
        yield f"### {named('dataset', dataset)}, {named('defense', defense)}"
        yield from _shares_of(of_share, defense)


def _shares_of(of_share: Mapping[str, Board], defense: str) -> Iterator[str]:
    attacks = list(dict.fromkeys(attack for board in of_share.values() for attack in board.attacks))
    promoting = {attack for board in of_share.values() for attack in board.promoting}
    rows, best = [], []
    for share, board in of_share.items():
        values = {attack: (board.exposure if attack in promoting else board.degradation)(attack, defense) for attack in attacks}
        for kind in (True, False):
            own = {attack: one.mean for attack, one in values.items() if one.n and (attack in promoting) == kind}
            if own:
                top = max(own, key=lambda attack: own[attack])
                best.append([f"{float(share):.1%}", "ER@10" if kind else "degradation", named("attack", top), f"{100 * own[top]:.1f}"])
    for attack in attacks:
        measure = "ER@10" if attack in promoting else "degradation"
        cells = [percent((board.exposure if attack in promoting else board.degradation)(attack, defense)) for board in of_share.values()]
        rows.append([named("attack", attack), measure, *cells])
    yield COLOURED + grid(["attack", "measure", *(f"{float(share):.1%}" for share in of_share)], rows)
    yield "The strongest of each kind:"
    yield grid(["malicious clients", "measure", "attack", "value"], best)
