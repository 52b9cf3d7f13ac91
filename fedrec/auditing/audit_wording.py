"""How an audit says its numbers: shares in percent, bounds in brackets, names as one types them."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_LITTLE = 0.0005  # shares below are not told apart
NOTHING = "\N{EN DASH}"
Row = Mapping[str, Any]


def rows_of(table: "pd.DataFrame") -> list[Row]:
    """Return the rows of a table in its order."""
    found: list[Row] = table.to_dict("records")  # type: ignore[assignment]
    return found


def known(value: Any) -> bool:
    """Return whether there is a value: neither None nor NaN nor an empty text."""
    return value is not None and value != "" and not (isinstance(value, float) and math.isnan(value))


def fixed(value: float, digits: int) -> str:
    """Return a number with so many digits after the point, a real minus, and no minus before zero.

    >>> tuple(map(ascii, (fixed(1234.56, 1), fixed(-0.04, 1), fixed(-2, 1))))
    ("'1,234.6'", "'0.0'", "'\\\\u22122.0'")
    """
    return f"{round(value, digits) + 0.0:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def count(value: Any) -> str:
    """Return a whole number, or any other text as it is."""
    if not known(value):
        return NOTHING
    return fixed(value, 0) if isinstance(value, int | float) else str(value)


def bare_percent(share: Any) -> str:
    """Return a share in percent without its sign; below ten percent with one digit.

    >>> bare_percent(0.923), bare_percent(0.0123), bare_percent(0), bare_percent(0.0002), bare_percent(0.0996)
    ('92', '1.2', '0', '< 0.1', '10')
    """
    if not known(share):
        return NOTHING
    if 0 < share < _LITTLE:
        return "< 0.1"
    digits = 1 if abs(share) < 0.0995 and abs(share) >= _LITTLE else 0
    return fixed(100 * share, digits)


def percent(share: Any) -> str:
    """Return a share in percent."""
    return f"{bare_percent(share)} %" if known(share) else NOTHING


def bounded(mean: Any, lower: Any, upper: Any) -> str:
    """Return a share with the bounds of a run with another seed, if there are any that show."""
    if not (known(mean) and known(lower) and known(upper)):
        return percent(mean)
    if (lower >= 0 and upper < _LITTLE) or len({bare_percent(one) for one in (mean, lower, upper)}) == 1:
        return percent(mean)
    return f"{percent(mean)} ({bare_percent(lower)} to {bare_percent(upper)})"


def level(share: float) -> str:
    """Return a share that somebody chose, in percent.

    >>> level(0.01), level(0.125)
    ('1 %', '12.5 %')
    """
    return f"{100 * share:g} %"


def points(value: Any) -> str:
    """Return points of a percentage, given as a share."""
    return fixed(100 * value, 1) if known(value) else NOTHING


def milliseconds(value: Any) -> str:
    """Return a time with about two digits that count."""
    return fixed(value, 0 if abs(value) >= 10 else 1 if abs(value) >= 1 else 2) if known(value) else NOTHING


def duration(seconds: Any) -> str:
    """Return a time in words.

    >>> duration(42), duration(600), duration(9000)
    ('42 seconds', '10 minutes', '2.5 hours')
    """
    if not known(seconds):
        return NOTHING
    if seconds < 90:
        return f"{fixed(seconds, 0)} seconds"
    return f"{fixed(seconds / 60, 0)} minutes" if seconds < 5400 else f"{fixed(seconds / 3600, 1)} hours"


def counted(number: Any, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "seed"), counted(1200, "fake account")
    ('1 seed', '1,200 fake accounts')
    """
    return f"{count(number)} {noun}{'s' * (number != 1)}"


def accounts_of(number: Any) -> str:
    """Return a number of accounts with its noun."""
    return counted(number, "account")


def interval(row: Row) -> str:
    """Return how many accounts a level needs, as a cell of a table says it.

    >>> interval({"least": 5, "estimate": 6.6, "most": 8, "tried": 94}), interval({"estimate": None, "tried": 94})
    ('7 (5 to 8)', 'over 94')
    """
    if not known(row["estimate"]):
        return f"over {count(row['tried'])}" if known(row["tried"]) else NOTHING
    about = count(max(1.0, row["estimate"]))
    if holds(row.get("at_most")):
        return f"at most {about}"
    match known(row["least"]), known(row["most"]):
        case True, True:
            return f"{about} ({count(row['least'])} to {count(row['most'])})"
        case True, False:
            return f"{about} (over {count(row['least'])})"
        case False, True:
            return f"{about} (up to {count(row['most'])})"
    return about


def named_attack(attack: Any) -> str:
    """Return what an attack is called."""
    return "no attack" if not known(attack) or attack == "none" else str(attack)


def named_defense(defense: Any, settings: Any = "") -> str:
    """Return what a defense is called, with its settings where they are not the defaults."""
    name = "no defense" if not known(defense) or defense == "none" else str(defense)
    told = as_settings(settings)
    return f"{name} ({told})" if told else name


def name_of(row: Row) -> str:
    """Return what the defense of a row is called."""
    return named_defense(row["defense"], row["settings"])


def holds(value: Any) -> bool:
    """Return whether a table says yes; nothing is no."""
    return known(value) and bool(value)


def worst_peak(exposure: "pd.DataFrame", row: Row) -> float:
    """Return the largest exposure at any epoch that attacks reach behind the defense of a row of `front`, with the accounts it allows.

    It is a mean over seeds; NaN if no attack that promotes items was tried.
    """
    own = [one for one in rows_of(exposure) if all(one[name] == row[name] for name in ("defense", "settings"))]
    return max((one["peak"] for one in own if one["accounts"] == row["limit"] and known(one["peak"])), default=math.nan)


def as_settings(settings: Any) -> str:
    """Return overrides as one text."""
    if isinstance(settings, list | tuple):
        return " ".join(map(str, settings))
    return str(settings) if known(settings) else ""


def listed(values: Any) -> str:
    """Return texts or numbers with commas; a single one as it is."""
    return ", ".join(map(str, values)) if isinstance(values, list | tuple) else count(values)
