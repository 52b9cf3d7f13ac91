"""How a comparison is laid out, whatever it is written as: heads, and rows in blocks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fedrec.comparison.measures import heading, is_share
from fedrec.comparison.paired_tests import LEVEL, PairedTest
from fedrec.comparison.side_by_side import Setting, SideBySide

MOST_TESTS = 24  # that are listed; a file in CSV has all of them


@dataclass(frozen=True)
class Shown:
    """A mean as a table shows it."""

    mean: str
    error: str = ""
    n: str = ""  # the number of seeds, where it is not that of the others
    is_best: bool = False
    differs: bool = False  # from the reference


Blocks = Sequence[Sequence[Sequence[str | Shown]]]


@dataclass(frozen=True)
class Layout:
    """A table of texts. The first `keys` columns say what a row is."""

    heads: Sequence[str]
    keys: int
    blocks: Blocks


def layouts(comparison: SideBySide) -> Iterator[Layout]:
    """Yield the layouts that fit a comparison, the widest and clearest first."""
    if len(comparison.by) == 2:
        yield matrix(comparison)
    yield long(comparison)
    yield tall(comparison)


def matrix(comparison: SideBySide) -> Layout:
    """Return a column for each value of the second option, and a block for each value of the first with a row a measure."""
    first, second = comparison.by
    columns = comparison.values(second)
    blocks: Blocks = [
        [
            [value * (not place), heading(measure), *(shown(comparison, (value, other), measure) for other in columns)]
            for place, measure in enumerate(comparison.measures)
        ]
        for value in comparison.values(first)
    ]
    return Layout([first, "", *(f"{second}={value}" if value else f"no {second}" for value in columns)], 2, blocks)


def long(comparison: SideBySide) -> Layout:
    """Return a row for each setting, and a column for each measure. Settings that compete stand together."""
    options, measures = (*comparison.others, *comparison.compared), comparison.measures
    blocks: Blocks = [
        [[*comparison.part(setting, options), *(shown(comparison, setting, one) for one in measures)] for setting in block]
        for block in comparison.blocks.values()
    ]
    return Layout([*options, *map(heading, measures)], len(options), blocks)


def tall(comparison: SideBySide) -> Layout:
    """Return a row for each setting and measure, which fits where nothing else does."""
    options = (*comparison.others, *comparison.compared)
    blocks: Blocks = [
        [
            [*(value * (not place) for value in comparison.part(setting, options)), heading(one), shown(comparison, setting, one)]
            for place, one in enumerate(comparison.measures)
        ]
        for block in comparison.blocks.values()
        for setting in block
    ]
    return Layout([*options, "", "mean"], len(options) + 1, blocks)


def tests(comparison: SideBySide) -> Layout | None:
    """Return the tests as a table; None if there are none, or too many to be read."""
    if not 0 < len(comparison.tests) <= MOST_TESTS:
        return None
    rows: list[list[str | Shown]] = [
        [*setting, heading(measure), _difference(test, measure), test.name, str(test.pairs), _p(test.p), _p(corrected)]
        for (setting, measure), (test, corrected) in comparison.tests.items()
        if test.p is not None
    ]
    return Layout([*comparison.by, "", "difference", "test", "pairs", "p", "p (Holm)"], len(comparison.by) + 1, [rows]) if rows else None


def shown(comparison: SideBySide, setting: Setting, measure: str) -> Shown:
    """Return what a table shows of a setting: a dash if there is none, n/a if the measure has no value."""
    if setting not in comparison.cells:
        return Shown("-")
    one = comparison.cells[setting][measure]
    if not one.n:
        return Shown("n/a")
    digits, unit = digits_of(comparison, measure), 100 if is_share(measure) else 1
    error = "" if one.error is None else f"{unit * one.error:.{digits}f}"
    corrected = comparison.tests.get((setting, measure), (None, None))[1]
    return Shown(
        f"{unit * one.mean:.{digits}f}",
        error,
        str(one.n) if one.n < comparison.n_seeds else "",
        (setting, measure) in comparison.marked,
        corrected is not None and corrected < LEVEL,
    )


def digits_of(comparison: SideBySide, measure: str) -> int:
    """Return the decimals of a measure: two in percent, or one where the standard errors are above a point."""
    if measure == "seconds":
        return 1
    if not is_share(measure):
        return 4
    known = [cell[measure].error for cell in comparison.cells.values()]
    errors = [error for error in known if error]
    return 1 if errors and min(errors) >= 0.01 else 2


def _difference(test: PairedTest, measure: str) -> str:
    unit, digits = (100, 2) if is_share(measure) else (1, 4)
    error = "" if test.error is None else f" ± {unit * test.error:.{digits}f}"
    return f"{unit * test.difference:+.{digits}f}{error}" if test.pairs else ""


def _p(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if value >= 0.001 else f"{value:.1e}"
