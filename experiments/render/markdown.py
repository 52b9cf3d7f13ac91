"""The report as Markdown: summary, claims, tables, figures, what goes beyond the paper, and why cells differ."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from experiments.analysis.claims import CLAIMS
from experiments.analysis.explanations import explanation, explanations
from experiments.analysis.figures import Figure
from experiments.analysis.measured import Measured
from experiments.analysis.names import named
from experiments.analysis.tables import ER_POINTS, HIGH, HR_POINTS, LOW, NUMBERED, TABLES, Comparison, agreement, comparisons
from experiments.render.beyond_tables import buckets, knowledge, matrix
from experiments.render.cell_table import cell_table, label
from experiments.render.grid import grid

_WIDTH = 118

_INTRODUCTION = """Every table and figure of Zhang et al., *Preventing the Popular Item Embedding Based Attack in Federated
Recommendations*, ICDE 2024, is measured by `python -m experiments.paper`; `python -m experiments.report` writes this report.
ER@K is the share of users to whom the target item is recommended. HR@K is the share of users whose held-out item ranks among the first K
of 100 items. Both are in percent, at the epoch with the best HR@10, which is the paper's rule. Seeds: {counts}. Measured on {machines}.
[report.html](report.html) shows the same with interactive figures and with tables that can be filtered and sorted; `runs.parquet` holds
every run. The target item of MF-FRS is the one that the released code draws; those of DL-FRS are drawn with each seed, as the paper says
(`experiment=paper_targets`)."""

_LEGEND = f"""Each row is a cell: its setting, then the measured mean ± its standard error over seeds, the number that the paper prints,
and the difference of both. A cell agrees if ER@K is within {ER_POINTS:g} points of the paper's, or on the same side above {HIGH:g} or
below {LOW:g} %, and if HR@K is within {HR_POINTS:g} points. A letter leads to the explanation at the end. `data/*.csv` has all numbers,
also those of the last epoch."""


def markdown(measured: Measured, drawn: Sequence[Figure]) -> str:
    """Return the whole report."""
    compared = {name: comparisons(measured, name) for name in TABLES}
    pictures = {figure.name: figure for figure in drawn}
    parts = [
        "# The paper, measured",
        _introduction(measured),
        "## How much agrees",
        _agreement(compared),
        "## What the paper claims",
        *_claims(measured),
        "## Tables",
        _filled(_LEGEND),
        *(part for name in TABLES for part in _table(name, compared[name])),
        "## Figures",
        *(part for name, figure in pictures.items() if name.startswith("fig") for part in _picture(figure)),
        *_table("fig7", comparisons(measured, "fig7")),
        "## Beyond the paper",
        *matrix(measured),
        *(_picture(pictures["target_items"]) if "target_items" in pictures else []),
        *buckets(measured),
        *knowledge(measured),
        "## Why cells differ",
        *_explanations([one for ones in compared.values() for one in ones]),
    ]
    return "\n\n".join(parts) + "\n"


def _introduction(measured: Measured) -> str:
    seeds: dict[str, set[int]] = {}
    machines: set[str] = set()
    for cells in measured.cells.values():
        for cell in cells:
            if cell.experiment.startswith("paper/"):
                seeds.setdefault(cell.dataset, set()).add(len(cell.runs))
            machines |= {str(run["machine"]) for run in cell.runs.values()}
    counts = ", ".join(
        f"{named('dataset', dataset)} {' to '.join(map(str, sorted({min(found), max(found)})))}" for dataset, found in seeds.items()
    )
    return _filled(_INTRODUCTION.format(counts=counts, machines="; ".join(sorted(machines))))


def _agreement(compared: Mapping[str, Sequence[Comparison]]) -> str:
    everything = [one for ones in compared.values() for one in ones]
    small = [one for one in everything if one.cell and one.cell.dataset == "ml100k"]
    rows = []
    for data, ones in (("all", everything), ("ML-100K", small)):
        counted = [agreement(ones, metric) for metric in ("ER@10", "HR@10")]
        rows.append([data, *(f"{agree} of {of} ({agree / of:.0%})" if of else "none measured" for agree, of in counted)])
    return grid(["cells", f"ER@10 within {ER_POINTS:g} points or on the same side", f"HR@10 within {HR_POINTS:g} points"], rows)


def _claims(measured: Measured) -> Iterator[str]:
    """Yield a table of all claims, then one of their checks."""
    rows, checks = [], []
    for number, claim in enumerate(CLAIMS, 1):
        verdict = claim.verdict(measured)
        if verdict is None:
            rows.append([str(number), claim.text, claim.source, "not measured", ""])
            continue
        holding = sum(true for true, _ in verdict.checks)
        outcome = "holds" if verdict.holds else "**fails**"
        rows.append([str(number), claim.text, claim.source, outcome, f"{holding} of {len(verdict.checks)}"])
        checks += [[str(number), numbers, "yes" if true else "**no**"] for true, numbers in verdict.checks]
    yield grid(["no.", "claim", "where", "verdict", "checks that hold"], rows)
    if checks:
        yield "### The numbers behind the claims"
        yield grid(["claim", "measured", "holds"], checks)


def _table(name: str, compared: Sequence[Comparison]) -> Iterator[str]:
    yield f"### {NUMBERED[name]}"
    yield cell_table(compared)
    yield (
        f"One cell: `python -m fedrec.main experiment=paper/{name}` and its setting. "
        f"All of them: `python -m experiments.paper only={name}`."
    )


def _picture(figure: Figure) -> list[str]:
    data = f"data/{figure.name}.csv"
    return [f"### {figure.title}", f"![{figure.title}]({figure.name}.png)", _filled(f"{figure.caption} The points: [{data}]({data}).")]


def _explanations(compared: Iterable[Comparison]) -> Iterator[str]:
    outside = [one for one in compared if one.agrees is False]
    used = {explanation(one) for one in outside}
    found = [(label(position), known.text) for position, known in enumerate(explanations()) if position in used]
    if not found:
        yield "No cell differs from the paper."
    yield from (_filled(f'<a id="why-{letter}"></a>**{letter}.** {text}') for letter, text in found)
    if unexplained := sum(explanation(one) is None for one in outside):
        yield f"{unexplained} cells are not explained yet."


def _filled(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
