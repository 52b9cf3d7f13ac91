"""Which options tell runs apart. Runs that differ in anything but the seed are never averaged."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fedrec.comparison.run_rows import LABELS, NAMES, SEED, options_of

if TYPE_CHECKING:
    import pandas as pd

_FIRST = ("defense", "attack")  # compared first: what a table is about, mostly


def text(value: Any) -> str:
    """Return a value as one types it; nothing where a run has no such option.

    >>> text(10.0), text(True), text(float("nan")), text("[ours,krum]")
    ('10', 'true', '', '[ours,krum]')
    """
    if isinstance(value, bool | str):
        return value if isinstance(value, str) else str(value).lower()
    if value is None or value != value:
        return ""
    return repr(int(value)) if float(value).is_integer() else repr(float(value))


def completed(runs: "pd.DataFrame", by: Sequence[str]) -> list[str]:
    """Return `by` and the options that still vary among runs which have the same `by`, until only the seed does.

    An option that follows from those before it, as the options of an attack follow from the attack, is not added.
    """
    codes = _codes(runs)
    options = options_of(runs)
    counted = [name for name in options if name not in LABELS]
    candidates = [*(name for name in (*_FIRST, *NAMES, *LABELS) if name in options), *options]
    found = list(by)
    while not all(_is_constant(codes, found, name) for name in counted):
        found.append(next(name for name in candidates if not _is_constant(codes, found, name)))
    return found


def varying(runs: "pd.DataFrame") -> list[str]:
    """Return the options that tell the runs apart, what is compared first: defenses, then attacks, then the rest."""
    return sorted(completed(runs, []), key=lambda name: [*_FIRST, side(name)].index(side(name)))


def side(option: str) -> str:
    """Return the group of an option.

    >>> side("defense.N"), side("seed")
    ('defense', 'seed')
    """
    return option.partition(".")[0]


def values_in_order(values: Sequence[str]) -> list[str]:
    """Return the different values of an option: nothing and `none` first, numbers by size, the rest as they came.

    >>> values_in_order(["krum", "none", "ours", "krum"]), values_in_order(["10", "9", ""])
    (['none', 'krum', 'ours'], ['', '9', '10'])
    """
    different = list(dict.fromkeys(values))
    try:
        return sorted(different, key=lambda value: float(value or "-inf"))
    except ValueError:
        return sorted(different, key=lambda value: value not in ("", "none"))


def _codes(runs: "pd.DataFrame") -> "pd.DataFrame":
    """Return the options and the seed with a number for every value."""
    import pandas as pd

    return pd.DataFrame({name: pd.factorize(runs[name].map(text))[0] for name in (*options_of(runs), SEED)})


def _is_constant(codes: "pd.DataFrame", by: Sequence[str], name: str) -> bool:
    """Return whether an option has one value among all runs with the same `by`."""
    if not by:
        return bool(codes[name].nunique() <= 1)
    return bool(len(codes.drop_duplicates([*by, name])) == len(codes.drop_duplicates(list(by))))
