"""A table of the paper, one row a cell: its setting, then measured, paper and difference of each metric, and whether they agree."""

from collections.abc import Mapping, Sequence

from experiments.analysis.explanations import explanation
from experiments.analysis.names import heading, named
from experiments.analysis.tables import Comparison
from experiments.render.grid import grid

_WHOLE = ("users", "items", "interactions", "rate")  # statistics that are shown without decimals
_SIZES = {"ER": "K", "HR": "K", "PKL": "N", "UCR": "N"}  # what the number in the name of a metric means


def cell_table(compared: Sequence[Comparison]) -> str:
    """Return the table of all comparisons; metrics at several K or N get a row for each."""
    split = [_split(one, compared) for one in compared]
    rows: dict[tuple[str, ...], dict[str, Comparison]] = {}
    for one, (extra, metric) in zip(compared, split, strict=True):
        setting = (*(named(option, choice) for option, choice in one.choices.items()), *extra.values())
        rows.setdefault(setting, {})[metric] = one
    metrics = list(dict.fromkeys(metric for _, metric in split))
    judged = any(one.metric.startswith(("ER@", "HR@")) for one in compared)
    heads = [*(heading(option) for option in compared[0].choices), *split[0][0]]
    heads += [head for metric in metrics for head in (metric, "paper", "difference")] + (["agrees"] if judged else [])
    lines = [
        [*setting, *(text for metric in metrics for text in _numbers(found[metric])), *([_agreement(found)] if judged else [])]
        for setting, found in rows.items()
    ]
    return grid(heads, lines)


def label(position: int) -> str:
    """
    Return the letter of an explanation.

    >>> label(0)
    'a'
    """
    return chr(ord("a") + position)


def _split(one: Comparison, compared: Sequence[Comparison]) -> tuple[Mapping[str, str], str]:
    """Return what a metric adds to the setting of its row, as heading and text, and the heading of its column."""
    name, _, size = one.metric.partition("@")
    if not size:
        return {"quantity": name}, "measured"
    if len({other.metric.partition("@")[2] for other in compared}) == 1:
        return {}, one.metric
    return {_SIZES[name]: size}, f"{name}@{_SIZES[name]}"


def _numbers(one: Comparison) -> tuple[str, str, str]:
    """Return measured, paper and difference as text."""
    digits = 4 if one.metric.startswith(("PKL", "UCR")) else 0 if one.metric in _WHOLE else 2
    paper = f"{one.printed:,.{digits}f}"
    if one.measured is None:
        return "not measured", paper, ""
    error = f" ± {one.error:.{max(1, digits - 1)}f}" if one.error is not None and digits else ""
    difference = round(one.measured - one.printed, digits) + 0.0  # never -0.0
    return f"{one.measured:,.{digits}f}{error}", paper, f"{difference:+,.{digits}f}"


def _agreement(found: Mapping[str, Comparison]) -> str:
    """Return `yes`, or which metric differs, with a link to the explanation; nothing if the cell has not been measured."""
    differing = {metric.partition("@")[0]: explanation(one) for metric, one in found.items() if one.agrees is False}
    if not differing:
        return "yes" if any(one.agrees for one in found.values()) else ""
    return ", ".join(
        f"**{name} differs** ({'unexplained' if position is None else f'[{label(position)}](#why-{label(position)})'})"
        for name, position in differing.items()
    )
