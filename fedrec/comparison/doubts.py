"""What makes a comparison doubtful, each as a sentence: other data, other code, seeds that are missing, values that are undefined."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from fedrec.comparison.measures import is_degradation, is_exposure
from fedrec.comparison.over_seeds import OverSeeds
from fedrec.comparison.run_rows import SEED, options_of
from fedrec.comparison.varying import side, text, values_in_order

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 3  # names in a sentence


def doubts(runs: "pd.DataFrame") -> Iterator[str]:
    """Yield why means and tests over these runs may be wrong although their options are equal."""
    of_data = [name for name in options_of(runs) if side(name) == "dataset"] + [SEED]
    checksums: dict[tuple[str, ...], set[str]] = {}
    for row in runs.to_dict("records"):
        checksums.setdefault(tuple(text(row[name]) for name in of_data), set()).add(row["data_checksum"])
    if mixed := [f"dataset={key[0]} seed={key[-1]}" for key, found in checksums.items() if len(found - {""}) > 1]:
        yield f"Warning: the data changed between runs of {shortened(mixed)}, so that means and tests mix different data."
    sizes: dict[tuple[str, ...], dict[str, None]] = {}
    for row in runs.to_dict("records"):
        if row["data_size"]:
            sizes.setdefault(tuple(text(row[name]) for name in of_data[:-1]), {})[row["data_size"]] = None
    for key, found_sizes in sizes.items():
        if len(found_sizes) > 1:
            told = shortened(list(found_sizes), "; ")
            yield f"Warning: runs of dataset={key[0]} have data of different sizes, which seeds do not explain: {told}."
    codes = [code for code in dict.fromkeys(runs["code"]) if code]
    if len(codes) > 1:
        yield f"Warning: the runs come from {len(codes)} versions of the code, which may compute different things: {shortened(codes)}."


def gaps(options: Sequence[str], cells: Mapping[tuple[str, ...], Mapping[str, OverSeeds]]) -> Iterator[str]:
    """Yield which seeds settings lack that another one has, and where a measure has no value."""
    seeds = {setting: dict.fromkeys(seed for one in cell.values() for seed in one.values) for setting, cell in cells.items()}
    every = values_in_order([seed for found in seeds.values() for seed in found])
    lacking: dict[str, list[str]] = {}
    undefined: dict[str, list[str]] = {}
    for setting, cell in cells.items():
        name = titled(options, setting)
        if missing := [seed for seed in every if seed not in seeds[setting]]:
            lacking.setdefault(f"seed{'s' * (len(missing) > 1)} {', '.join(missing)}", []).append(name)
        for measure, one in cell.items():
            if one.n < len(seeds[setting]) and not (one.n == 0 and _is_judged_otherwise(measure, cell)):
                undefined.setdefault(measure, []).append(f"{name} ({len(seeds[setting]) - one.n} of {len(seeds[setting])} seeds)")
    yield from (f"No run with {missing}: {shortened(names, '; ')}." for missing, names in lacking.items())
    yield from (f"{measure} is undefined: {shortened(names, '; ')}." for measure, names in undefined.items())


def _is_judged_otherwise(measure: str, cell: Mapping[str, OverSeeds]) -> bool:
    """Return whether a measure has no value for a setting because it is not for its attack, which promotes items or does not."""
    return is_degradation(measure) or (is_exposure(measure) and any(one.n for name, one in cell.items() if is_degradation(name)))


def titled(options: Sequence[str], setting: Sequence[str]) -> str:
    """Return a setting as one types it.

    >>> titled(["attack", "defense.N"], ["none", ""])
    'attack=none'
    """
    return " ".join(f"{option}={value}" for option, value in zip(options, setting, strict=True) if value) or "all runs"


def shortened(names: Sequence[object], separator: str = ", ") -> str:
    """Return the first names.

    >>> shortened([1, 2, 3, 4])
    '1, 2, 3 and 1 more'
    """
    return separator.join(map(str, names[:_SHOWN])) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
