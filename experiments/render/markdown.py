"""The report as Markdown: summary, claims, tables, figures, what goes beyond the paper, and why cells differ."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from experiments.analysis.comparison import ER_POINTS, HIGH, HR_POINTS, LOW, Comparison
from experiments.analysis.explanations import explanation, explanations
from experiments.analysis.figures import Figure
from experiments.analysis.measured import Measured
from experiments.analysis.names import named
from experiments.analysis.tables import NUMBERED, TABLES, agreement, comparisons
from experiments.render.beyond_tables import buckets, knowledge, matrix
from experiments.render.cell_table import cell_table, label
from experiments.render.claim_tables import claims
from experiments.render.paragraphs import filled
from experiments.render.single_runs import released_code, swings
from fedrec.comparison.markdown_table import grid, plain

_INTRODUCTION = """Every table and figure of Zhang et al., *Preventing the Popular Item Embedding Based Attack in Federated
Recommendations*, ICDE 2024, is measured by `python -m experiments.paper`; `python -m experiments.report` writes this report.
ER@K is the share of users to whom the target item is recommended. HR@K is the share of users whose held-out item ranks among the first K
of 100 items. Both are in percent, at the epoch with the best HR@10, which is the paper's rule. Seeds: {counts}. Measured on {machines}.
[report.html](report.html) shows the same with interactive figures and with tables that can be filtered and sorted; `runs.parquet` holds
every run. Under MF-FRS the target item is the one that the released code draws. In Tables III to VII and IX to XI its D_i and its initial
embeddings are taken, too, so that seeds differ in the order of the clients only (`experiment=paper_start`); elsewhere all is drawn with
each seed. Under DL-FRS all is drawn with each seed, and targets are unpopular items."""

_VERDICTS = f"""A cell *agrees* if the mean ER@10 over our seeds is within {ER_POINTS:g} points of the paper's, or on the same side above
{HIGH:g} or below {LOW:g} %, and if HR@10 is within {HR_POINTS:g} points. The paper prints one run a cell. Where the mean does not agree but
the paper's number lies between the lowest and the highest of our seeds, or of the released code's own runs, it is *one draw* of what may
come out; that is less than agreement and is never counted as such. All other cells *differ*."""

_LEGEND = """Each row is a cell: its setting, then the measured mean over our seeds with the lowest and the highest seed in brackets, the
number that the paper prints, and the difference of both. Near best is the mean ER@K over the evaluations within five epochs of the best.
The released code's own runs follow where there are any (ER@10 of each run). Where a cell differs, a letter leads to the reason that runs
have shown. `data/*.csv` has all numbers, also standard errors, the peak, and those of the last epoch."""


def markdown(measured: Measured, drawn: Sequence[Figure]) -> str:
    """Return the whole report."""
    compared = {name: comparisons(measured, name) for name in TABLES}
    pictures = {figure.name: figure for figure in drawn}
    parts = [
        "# The paper, measured",
        _introduction(measured),
        "## How much agrees",
        filled(_VERDICTS),
        _agreement(compared),
        "## What the paper claims",
        *claims(measured),
        "## Tables",
        filled(_LEGEND),
        *(part for name in TABLES for part in _table(name, compared[name])),
        "## What one run hides",
        *swings(compared),
        *released_code(),
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
            machines |= {plain(str(run["machine"])) for run in cell.runs.values()}
    counts = ", ".join(
        f"{named('dataset', dataset)} {' to '.join(map(str, sorted({min(found), max(found)})))}" for dataset, found in seeds.items()
    )
    return filled(_INTRODUCTION.format(counts=counts, machines="; ".join(sorted(machines))))


def _agreement(compared: Mapping[str, Sequence[Comparison]]) -> str:
    everything = [one for ones in compared.values() for one in ones]
    small = [one for one in everything if one.cell and one.cell.dataset == "ml100k"]
    heads = [f"{metric} {what}" for metric in ("ER@10", "HR@10") for what in ("agree", "agree or are one draw", "differ")]
    rows = [[data, *_counts(ones, "ER@10"), *_counts(ones, "HR@10")] for data, ones in (("all", everything), ("ML-100K", small))]
    return grid(["cells", *heads], rows)


def _counts(compared: Sequence[Comparison], metric: str) -> list[str]:
    """Return how many numbers agree, agree or are one draw, and differ."""
    found = agreement(compared, metric)
    agree, draw, differ = found["agrees"], found["one draw"], found["differs"]
    of = agree + draw + differ
    return [f"{number} of {of} ({number / of:.0%})" if of else "none measured" for number in (agree, agree + draw, differ)]


def _table(name: str, compared: Sequence[Comparison]) -> Iterator[str]:
    yield f"### {NUMBERED[name]}"
    yield cell_table(compared)
    yield (
        f"One cell: `python -m fedrec.main experiment=paper/{name}` and its setting. "
        f"All of them: `python -m experiments.paper only={name}`."
    )


def _picture(figure: Figure) -> list[str]:
    data = f"data/{figure.name}.csv"
    return [f"### {figure.title}", f"![{figure.title}]({figure.name}.png)", filled(f"{figure.caption} The points: [{data}]({data}).")]


def _explanations(compared: Iterable[Comparison]) -> Iterator[str]:
    differing = [one for one in compared if one.verdict == "differs"]
    used = {explanation(one) for one in differing}
    found = [(label(position), known.text) for position, known in enumerate(explanations()) if position in used]
    if not differing:
        yield "No cell differs from the paper."
    yield from (filled(f'<a id="why-{letter}"></a>**{letter}.** {text}') for letter, text in found)
    if unexplained := sum(explanation(one) is None for one in differing):
        yield f"Of {unexplained} numbers that differ no reason is known."
