"""Searches combinations of defenses: each is measured against one attack after another until one of them breaks it.

A worst case only grows with every attack, so a combination that one attack has broken cannot keep to what is asked of a defense.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from experiments.leaderboards.boards import Run, exposure_of, hits_of, lost
from experiments.leaderboards.field import NONE
from experiments.leaderboards.standings import DEGRADATION, EXPOSURE, PRICE
from experiments.leaderboards.wanted_cells import EXPERIMENTS, Wanted
from fedrec.campaigns.cells import Cell
from fedrec.config.validation import ConfigError

(EXPERIMENT,) = EXPERIMENTS["combinations"]
_AT_ONCE = 3  # attacks that are measured before the next combinations are dropped
_FIRST = (0,)  # the seed that decides


@dataclass
class Race:
    """What is known of the combinations so far."""

    wanted: Wanted
    attacks: Sequence[str]  # the strongest first, since they break most
    result: Callable[[Cell], Run | None]  # None: not measured yet, or the cell failed, which drops its combination

    def cells(self) -> list[Cell]:
        """Return all cells that are wanted as far as one can tell today, those that have been measured included."""
        living = [one for one in self.wanted.field.combinations() if self._composes(one)]
        found = [cell for one in (NONE, *living) for cell in self._row(one, NONE)]
        living = [one for one in living if not self._is_open(one, [NONE]) and self._price(one) <= PRICE]
        for place in range(0, len(self.attacks), _AT_ONCE):
            some = self.attacks[place : place + _AT_ONCE]
            found += [cell for one in living for attack in some for cell in self._row(one, attack)]
            living = [one for one in living if not self._is_open(one, some) and all(self._holds(one, attack) for attack in some)]
        seeds, rows = range(self.wanted.options.seeds), (NONE, *self.attacks)
        again = [cell for one in (NONE, *living) for attack in rows for cell in self.wanted.row(EXPERIMENT, one, attack, seeds)]
        return list({cell.key: cell for cell in [*found, *(again if living else [])]}.values())

    def _row(self, defense: str, attack: str) -> list[Cell]:
        return self.wanted.row(EXPERIMENT, defense, attack, _FIRST)

    def _composes(self, combination: str) -> bool:
        """Return whether its parts go together: two of them may fill the same half."""
        try:
            return bool(self._row(combination, NONE))
        except ConfigError:
            return False

    def _is_open(self, defense: str, attacks: Sequence[str]) -> bool:
        return any(self.result(cell) is None for attack in attacks for cell in (*self._row(defense, attack), *self._row(NONE, NONE)))

    def _price(self, defense: str) -> float:
        return max(hits_of(self._run(NONE, NONE)) - hits_of(self._run(defense, NONE)), 0.0)

    def _holds(self, defense: str, attack: str) -> bool:
        run = self._run(defense, attack)
        shown = exposure_of(run) if run["targets"] else 0.0
        return shown <= EXPOSURE and lost(run, hits_of(self._run(defense, NONE))) <= DEGRADATION

    def _run(self, defense: str, attack: str) -> Run:
        (cell,) = self._row(defense, attack)
        run = self.result(cell)
        assert run is not None
        return run
