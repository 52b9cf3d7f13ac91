"""What a single run hides: cells whose best epoch is not like the epochs around it, and the released code's own runs."""

import json
from collections.abc import Iterator, Mapping, Sequence

from experiments.analysis.comparison import SWING, Comparison
from experiments.analysis.names import heading, named
from experiments.analysis.released_runs import released_runs
from experiments.analysis.tables import numbered, printed
from experiments.render.paragraphs import filled
from fedrec.comparison.markdown_table import grid

_PARTS = ("attack.", "defense.", "system.")  # options of parts, whose choices say little without their name
_SWINGS = f"""In these cells ER@K at the best epoch of at least one seed is more than {SWING:g} points from its mean over the evaluations
within five epochs of it (near best), so the paper's rule reports luck there. The peak is the largest ER@K of a run, and exposed is the
share of evaluations in which more than 1 % of the users saw a target. All are means over seeds, in percent."""
_RELEASED = """The released code was run with seeds of its own; "published" is the seed that it ships with. The numbers are those at the
epoch with the best HR@10, and near best is as above. Some of these runs were stopped early; the epochs are how far they came, with the
best one in brackets. A setting without a defense is that of several tables, of which one is named."""


def swings(compared: Mapping[str, Sequence[Comparison]]) -> Iterator[str]:
    """Yield the cells where a seed's best epoch says little; tables that share runs share a row."""
    rows: dict[str, tuple[list[str], Comparison]] = {}
    for ones in compared.values():
        for one in ones:
            if one.cell and one.swinging:
                runs = json.dumps([one.metric, *(run["curve"] for run in one.cell.runs.values())])
                rows.setdefault(runs, ([], one))[0].append(numbered(one.table))
    yield "### Where the best epoch is luck"
    if not rows:
        yield filled("In no cell ER@K at the best epoch differs by more than ten points from its mean around it.")
        return
    yield filled(_SWINGS)
    yield grid(
        ["tables", "setting", "metric", "seeds that swing", "best", "near best", "peak", "exposed", "last epoch"],
        (["; ".join(tables), ", ".join(_setting(one)), one.metric, _seeds(one), *_by_rule(one)] for tables, one in rows.values()),
    )


def _setting(one: Comparison) -> list[str]:
    """Return the choices of a cell; what is only a number bears the name of its option."""
    told = (named(option, choice) for option, choice in one.choices.items())
    return [f"{heading(option)} {text}" if option.startswith(_PARTS) else text for option, text in zip(one.choices, told, strict=True)]


def _seeds(one: Comparison) -> str:
    return f"{', '.join(map(str, one.swinging))} (of {len(one.values)})"


def _by_rule(one: Comparison) -> list[str]:
    found = (one.by(rule) for rule in ("best", "near_best", "peak", "exposed", "final"))
    return ["" if value is None else f"{value:.1f}" for value in found]


def released_code() -> Iterator[str]:
    """Yield every run of the released code next to what the paper prints."""
    rows = []
    for group in released_runs():
        told = group.setting
        place, choices = group.places[0]
        paper = next(values for own, values in printed(place) if own == choices)
        names = [named(option, told[option]) for option in ("dataset", "attack", "defense")]
        seeds, er, near, hr = (", ".join(run[name] for run in group.runs) for name in ("seed", "ER@10", "near_best", "HR@10"))
        epochs = ", ".join(f"{run['epochs']} ({run['epoch']})" for run in group.runs)
        of_setting = [numbered(place), *names, told["N"], told["q"], told["targets"]]
        rows.append([*of_setting, seeds, epochs, er, f"{paper['ER@10']:.2f}", near, hr, f"{paper['HR@10']:.2f}"])
    yield "### What the released code reaches"
    yield filled(_RELEASED)
    heads = [
        "table",
        "data set",
        "attack",
        "defense",
        "N",
        "q",
        "targets",
        "seeds",
        "epochs",
        "ER@10",
        "paper",
        "near best",
        "HR@10",
        "paper",
    ]
    yield grid(heads, rows)
