"""Settings side by side: what each has reached over its seeds, which is the best, and which differ from a reference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fedrec.comparison.measures import highest_is_best
from fedrec.comparison.over_seeds import OverSeeds, best
from fedrec.comparison.paired_tests import PairedTest, holm, paired_test
from fedrec.comparison.varying import side, values_in_order

if TYPE_CHECKING:
    import pandas as pd

Setting = tuple[str, ...]  # the values of the options `by`


@dataclass(frozen=True, eq=False)
class SideBySide:
    """What is known of settings that are compared."""

    by: Sequence[str]  # the options that tell the settings apart
    measures: Sequence[str]  # `best/ER@10` for instance
    cells: Mapping[Setting, Mapping[str, OverSeeds]]  # -> measure -> what the seeds of the setting have reached
    against: Mapping[str, str]  # options of the reference that every setting is tested against; empty: nothing is tested
    notes: Sequence[str]  # what one must know to read the numbers

    @property
    def compared(self) -> tuple[str, ...]:
        """The options whose values compete: the first of two, or all of the first one's group if there are more."""
        return tuple(self.by[:1]) if len(self.by) <= 2 else tuple(name for name in self.by if side(name) == side(self.by[0]))

    @property
    def for_attackers(self) -> bool:
        """Whether attacks compete, so that more exposure is better."""
        return bool(self.by) and side(self.by[0]) == "attack"

    def values(self, option: str) -> list[str]:
        """Return the values of an option, in the order in which they are shown."""
        place = self.by.index(option)
        return values_in_order([setting[place] for setting in self.cells])

    @property
    def others(self) -> tuple[str, ...]:
        """The options that are the same for settings that compete with each other."""
        return tuple(name for name in self.by if name not in self.compared)

    def part(self, setting: Setting, options: Sequence[str]) -> Setting:
        """Return the values that a setting has of some options."""
        return tuple(setting[self.by.index(name)] for name in options)

    @cached_property
    def blocks(self) -> dict[Setting, list[Setting]]:
        """The settings that compete with each other, by the values of all other options."""
        found: dict[Setting, list[Setting]] = {}
        for setting in self.cells:
            found.setdefault(self.part(setting, self.others), []).append(setting)
        return found

    @cached_property
    def marked(self) -> set[tuple[Setting, str]]:
        """The settings and measures that are the best of their block, or within a standard error of it."""
        found = set()
        for measure in self.measures:
            highest = highest_is_best(measure, self.for_attackers) if self.by and side(self.by[0]) != "dataset" else None
            for settings in self.blocks.values() if highest is not None else ():
                marks = best([self.cells[setting][measure] for setting in settings], bool(highest))
                found |= {(setting, measure) for setting, is_marked in zip(settings, marks, strict=True) if is_marked}
        return found

    @cached_property
    def tests(self) -> dict[tuple[Setting, str], tuple[PairedTest, float | None]]:
        """Every setting that has a reference, and measure -> the test, and its p-value after Holm's correction over all of them."""
        pairs = [(setting, self.reference(setting)) for setting in self.cells] if self.against else []
        keys = [(setting, reference, measure) for setting, reference in pairs if reference is not None for measure in self.measures]
        made = [paired_test(self.cells[setting][measure], self.cells[reference][measure]) for setting, reference, measure in keys]
        corrected = holm([test.p for test in made])
        return {(key[0], key[2]): found for key, *found in zip(keys, made, corrected, strict=True)}  # type: ignore[misc]

    def reference(self, setting: Setting) -> Setting | None:
        """Return the setting that one is tested against: the same but for the options of the reference, and those of their groups."""
        wanted = {self.by.index(name): value for name, value in self.against.items()}
        if all(setting[place] == value for place, value in wanted.items()):
            return None
        sides = {side(name) for name in self.against}
        fixed = {place: value for place, value in enumerate(setting) if place not in wanted}
        same_group = {place for place in fixed if side(self.by[place]) in sides}
        for free in (set[int](), same_group):
            asked = wanted | {place: value for place, value in fixed.items() if place not in free}
            found = [other for other in self.cells if all(other[place] == value for place, value in asked.items())]
            if len(found) == 1:
                return found[0]
        return None

    @property
    def n_seeds(self) -> int:
        """The most seeds that a setting has."""
        return max((one.n for cell in self.cells.values() for one in cell.values()), default=0)

    @property
    def table(self) -> "pd.DataFrame":
        """A row a setting: its options, `seeds`, and of each measure the mean, `_stderr` and what the tests say; shares in [0, 1]."""
        import pandas as pd

        return pd.DataFrame([self._row(setting) for setting in self.cells])

    def _row(self, setting: Setting) -> dict[str, Any]:
        cell = self.cells[setting]
        row: dict[str, Any] = dict(zip(self.by, setting, strict=True))
        row["seeds"] = max(one.n for one in cell.values())
        for measure, one in cell.items():
            row |= {measure: one.mean if one.n else None, f"{measure}_stderr": one.error}
            if self.against:
                test, corrected = self.tests.get((setting, measure), (None, None))
                told = (None, None, None, None) if test is None else (test.difference, test.name or test.reason, test.pairs, test.p)
                row |= dict(zip((f"{measure}_{name}" for name in ("difference", "test", "pairs", "p")), told, strict=True))
                row[f"{measure}_p_holm"] = corrected
        return row
