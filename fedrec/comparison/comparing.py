"""Runs -> settings side by side: which options tell them apart, what is compared, and what makes a mean doubtful."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedrec.comparison.doubts import doubts, gaps
from fedrec.comparison.measures import choose
from fedrec.comparison.over_seeds import OverSeeds
from fedrec.comparison.reading import NOTES, Sources, collect
from fedrec.comparison.run_rows import SEED, options_of, value_of
from fedrec.comparison.side_by_side import Setting, SideBySide
from fedrec.comparison.varying import completed, side, text, values_in_order, varying
from fedrec.config.validation import ConfigError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

Named = str | Sequence[str]


class Comparison(SideBySide):
    """Settings side by side. It prints as a table, on a terminal and in a notebook, and writes and draws itself."""

    def __str__(self) -> str:
        from fedrec.comparison.text_table import as_text

        return as_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from fedrec.comparison.html_table import as_html

        return as_html(self)

    def save(self, *files: str | Path) -> None:
        """Write the table to files whose endings say how: .csv, .md, .tex, or as heat maps .png, .svg, .pdf. Raises ConfigError."""
        from fedrec.comparison.saving import save

        for file in files:
            save(self, Path(file))

    def scatter(self, file: str | Path) -> None:
        """Draw exposure against hits with the Pareto front as .png, .svg or .pdf. Raises ConfigError if there is nothing to draw."""
        from fedrec.comparison.saving import save

        save(self, Path(file), "scatter")


def compare(
    runs: "pd.DataFrame | Sources",
    by: Named | None = None,
    metric: Named | None = None,
    at: Named | None = None,
    where: Mapping[str, Any] | None = None,
    against: Mapping[str, Any] | None = None,
    uri: str | None = None,
    unfinished: bool = False,
    tested: bool = True,
) -> Comparison:
    """Return the settings that differ in the options `by`, each with the mean over its seeds.

    `runs` is a table of `read_runs`, or what that reads: then `uri` and `unfinished` are its arguments. Without `by` the options that vary
    are taken; an option that varies beside `by` is added, and a note says so. `metric` names metrics, `ER@10` for instance, and `at` the
    rules that report them (best, near_best, validation, peak, final). `where` keeps runs with these values: {"attack": "pieck_uea"} or
    {"attack": ["pieck_ipe", "pieck_uea"]}. Unless `tested` is false, every setting is tested against the one with the options `against`,
    or with the first value of the first option. Raises ConfigError in one line.
    """
    import pandas as pd

    table = runs if isinstance(runs, pd.DataFrame) else collect(runs, uri, unfinished)
    notes: list[str] = [*table.attrs.get(NOTES, [])]
    if missing := [name for name in (SEED, "folder", "evaluation.selection") if name not in table]:
        raise ConfigError(f"this is no table of fedrec.comparison.reading.read_runs: it has no column {missing[0]}")
    table = _filtered(table, where or {})
    if not len(table):
        raise ConfigError(f"no run is left to compare. {' '.join(notes)}".rstrip())
    options = _options(table, by, notes)
    measured = table.columns[table.notna().any()]  # `where` may have left no run that has another one
    measures = choose(measured, _listed(metric), _listed(at), str(next(iter(table["evaluation.selection"].dropna()), "HR@10")))
    cells = _cells(table, options, measures, notes)
    reference = _reference(table, options, against, cells) if tested else {}
    notes = [_what_ran(table, options), *notes, *doubts(table), *gaps(options, cells)]
    return Comparison(options, measures, cells, reference, notes)


def _what_ran(table: "pd.DataFrame", options: Sequence[str]) -> str:
    """Return how many runs are compared, and what is the same for all of them."""
    names = [name for name in ("dataset", "model", "attack", "defense") if name in table and name not in options]
    same = [f"{name} {text(table[name].iloc[0])}" for name in names]
    return ", ".join(["1 run" if len(table) == 1 else f"{len(table)} runs", *same]) + "."


def _listed(names: Named | None) -> list[str] | None:
    return [names] if isinstance(names, str) else None if names is None else list(names)


def _filtered(table: "pd.DataFrame", where: Mapping[str, Any]) -> "pd.DataFrame":
    for name, value in where.items():
        _require_option(table, name)
        texts, wanted = table[name].map(text), {_typed(one) for one in (value if isinstance(value, list | tuple | set) else [value])}
        there = values_in_order(list(texts))
        if unknown := sorted(wanted - set(there)):
            raise ConfigError(f"no run has {name}={unknown[0]}: there are {', '.join(there)}{did_you_mean(unknown, there)}")
        table = table[texts.isin(wanted)]
    return table


def _typed(value: Any) -> str:
    """Return the text of a value that somebody has typed: 1.0 and 1e0 are 1."""
    return text(value_of(value) if isinstance(value, str) else value)


def _require_option(table: "pd.DataFrame", name: str) -> None:
    known = [*options_of(table), SEED]
    if name not in known:
        raise ConfigError(f"unknown option {name}: no run has it{did_you_mean([name], known)}")


def _options(table: "pd.DataFrame", by: Named | None, notes: list[str]) -> list[str]:
    """Return the options that tell the settings apart, and note those that nobody has asked for."""
    asked = list(dict.fromkeys(_listed(by) or ()))
    if by is None:
        return varying(table)
    for name in asked:
        _require_option(table, name)
    options = completed(table, asked)
    if added := options[len(asked) :]:
        verb = "also varies, so it is" if len(added) == 1 else "also vary, so they are"
        notes.append(f"{', '.join(added)} {verb} shown, too: only runs that differ in nothing but the seed are averaged.")
    return options


def _cells(table: "pd.DataFrame", options: Sequence[str], measures: Sequence[str], notes: list[str]) -> dict[Setting, dict[str, OverSeeds]]:
    """Return what the seeds of each setting have reached. Of two runs with the same options and seed the later row counts."""
    found: dict[Setting, dict[str, dict[Any, Any]]] = {}
    for row in table.to_dict("records"):
        found.setdefault(tuple(text(row[name]) for name in options), {})[text(row[SEED])] = row
    if repeated := len(table) - sum(map(len, found.values())):
        notes.append(f"{repeated} rows repeat the options and the seed of a later one, which counts.")
    orders = [{value: place for place, value in enumerate(values_in_order([key[n] for key in found]))} for n in range(len(options))]
    settings = sorted(found, key=lambda setting: [order[value] for order, value in zip(orders, setting, strict=True)])
    return {
        setting: {
            measure: OverSeeds({seed: row[measure] for seed, row in found[setting].items() if row[measure] == row[measure]})  # not NaN
            for measure in measures
        }
        for setting in settings
    }


def _reference(
    table: "pd.DataFrame", options: Sequence[str], against: Mapping[str, Any] | None, cells: Mapping[Setting, Any]
) -> dict[str, str]:
    if against is None:  # runs of other data are no pairs
        return {options[0]: next(iter(cells))[0]} if options and side(options[0]) != "dataset" else {}
    for name, value in against.items():
        _require_option(table, name)
        if name not in options:
            raise ConfigError(f"{name} does not tell the settings apart, so nothing can be tested against {name}={_typed(value)}")
        there = values_in_order([setting[options.index(name)] for setting in cells])
        if _typed(value) not in there:
            raise ConfigError(f"no run has {name}={_typed(value)}: there are {', '.join(there)}{did_you_mean([_typed(value)], there)}")
    return {name: _typed(value) for name, value in against.items()}
