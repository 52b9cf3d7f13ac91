"""A table of the paper, one row a cell: its setting, what was measured next to what the paper prints, and the verdict."""

from collections.abc import Mapping, Sequence

from experiments.analysis.comparison import Comparison
from experiments.analysis.explanations import explanation
from experiments.analysis.names import heading, named
from fedrec.comparison.markdown_table import grid

_WHOLE = ("users", "items", "interactions", "rate")  # statistics that are shown without decimals
_SIZES = {"ER": "K", "HR": "K", "PKL": "N", "UCR": "N"}  # what the number in the name of a metric means


def cell_table(compared: Sequence[Comparison]) -> str:
    """Return the table of all comparisons; metrics at several K or N get a row for each."""
    split = [_split(one, compared) for one in compared]
    rows: dict[tuple[str, ...], dict[str, Comparison]] = {}
    for one, (extra, metric) in zip(compared, split, strict=True):
        setting = (*(named(option, choice) for option, choice in one.choices.items()), *extra.values())
        rows.setdefault(setting, {})[metric] = one
    first = next(iter(rows.values()))
    heads = [*(heading(option) for option in compared[0].choices), *split[0][0], *(head for one in first for head in _heads(one))]
    with_seeds, judged, released = "measured" not in first, _judged(compared), any(one.released for one in compared)
    heads += ["seeds"] * with_seeds + ["ER@10 of the released code"] * released + ["verdict"] * judged
    lines = []
    for own, found in rows.items():
        one = next(iter(found.values()))
        line = [*own, *(text for metric in found for text in _numbers(found[metric], metric))]
        line += [str(len(one.values))] * with_seeds + [_released(one)] * released + [_verdict(found)] * judged
        lines.append(line)
    return grid(heads, lines)


def label(position: int) -> str:
    """
    Return the letter of an explanation.

    >>> label(0)
    'a'
    """
    return chr(ord("a") + position)


def _judged(compared: Sequence[Comparison]) -> bool:
    return any(one.metric.startswith(("ER@", "HR@")) for one in compared)


def _split(one: Comparison, compared: Sequence[Comparison]) -> tuple[Mapping[str, str], str]:
    """Return what a metric adds to the setting of its row, as heading and text, and the heading of its column."""
    name, _, size = one.metric.partition("@")
    if not size:
        return {"quantity": name}, "measured"
    if len({other.metric.partition("@")[2] for other in compared}) == 1:
        return {}, one.metric
    return {_SIZES[name]: size}, f"{name}@{_SIZES[name]}"


def _heads(metric: str) -> list[str]:
    return [metric, "paper", "difference", *(["near best"] if metric.startswith("ER@") else [])]


def _numbers(one: Comparison, metric: str) -> list[str]:
    """Return measured with its range, paper, difference and, of an exposure, the mean around the best epoch as text."""
    digits = 4 if one.metric.startswith(("PKL", "UCR")) else 0 if one.metric in _WHOLE else 2
    paper = f"{one.printed:,.{digits}f}"
    near = [] if len(_heads(metric)) == 3 else ["" if (value := one.by("near_best")) is None else f"{value:.{digits}f}"]
    if one.measured is None:
        return ["not measured", paper, "", *near]
    low, high = (f"{value:,.{digits}f}" for value in (min(one.values), max(one.values)))
    spread = f" ({low} to {high})" if low != high else ""
    difference = round(one.measured - one.printed, digits) + 0.0  # never -0.0
    return [f"{one.measured:,.{digits}f}{spread}", paper, f"{difference:+,.{digits}f}", *near]


def _released(one: Comparison) -> str:
    """Return what the released code reaches with each of its seeds, in the metric of the first column."""
    return "; ".join(f"{', '.join(run[one.metric] for run in group.runs)} (N = {group.setting['N']})" for group in one.released)


def _verdict(found: Mapping[str, Comparison]) -> str:
    """Return `agrees`, or what is to say of each metric that does not; nothing if the cell has not been measured."""
    texts = [text for metric, one in found.items() if (text := _deviation(metric.partition("@")[0], one))]
    return ", ".join(texts) or ("agrees" if any(one.verdict for one in found.values()) else "")


def _deviation(metric: str, one: Comparison) -> str:
    if one.verdict == "one draw":
        return f"{metric} one draw ({', '.join(one.draws)})"
    if one.verdict != "differs":
        return ""
    position = explanation(one)
    return f"**{metric} differs** ({'no reason known' if position is None else f'[{label(position)}](#why-{label(position)})'})"
