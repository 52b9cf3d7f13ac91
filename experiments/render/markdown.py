"""The report as Markdown: summary, claims, tables, figures, what goes beyond the paper, and why cells differ."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from experiments.analysis.claims import CLAIMS
from experiments.analysis.explanations import EXPLANATIONS, explanation
from experiments.analysis.figures import Figure
from experiments.analysis.measured import Measured, MeasuredCell
from experiments.analysis.names import named
from experiments.analysis.tables import ER_POINTS, HIGH, HR_POINTS, LAYOUTS, LOW, TABLES, Comparison, Layout, agreement, comparisons

_INTRODUCTION = """Zhang et al., *Preventing the Popular Item Embedding Based Attack in Federated Recommendations*, ICDE 2024:
every table and figure, measured by `python -m experiments.paper` and written by `python -m experiments.report`. ER@K and HR@K in percent,
at the epoch with the best HR@10, the paper's rule. Seeds: {counts}.{where} [report.html](report.html) is the same with interactive figures;
`runs.parquet` holds every run. Targets: for MF-FRS the item that the released code draws, for DL-FRS items drawn with each seed, as the
paper says (`experiment=paper_targets`)."""

_LEGEND = f"""Each cell: measured mean ± standard error over seeds, then the paper's value and the difference. **Bold**: not within
{ER_POINTS:g} points of ER@K (nor on the same side above {HIGH:g} or below {LOW:g} %), or {HR_POINTS:g} of HR@K; the letter leads to the
explanation below. The numbers behind them, at the last epoch too: `data/*.csv`."""


def markdown(measured: Measured, drawn: Sequence[Figure]) -> str:
    """The whole report."""
    compared = {name: comparisons(measured, name) for name in TABLES}
    pictures = {figure.name: figure for figure in drawn}
    parts = [
        "# The paper, measured",
        _introduction(measured),
        "## How much agrees",
        *_agreement(compared),
        "## What the paper claims",
        *_claims(measured),
        "## Tables",
        _LEGEND,
        *(part for name, layout in TABLES.items() for part in _table(name, layout, compared[name])),
        "## Figures",
        *(part for name, figure in pictures.items() if name.startswith("fig") for part in _picture(figure)),
        *_table("fig7", LAYOUTS["fig7"], comparisons(measured, "fig7")),
        "## Beyond the paper",
        *_matrix(measured),
        *(_picture(pictures["target_items"]) if "target_items" in pictures else []),
        *_buckets(measured),
        *_knowledge(measured),
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
    where = f" Measured on {'; '.join(sorted(machines))}."
    return _INTRODUCTION.format(counts=counts, where=where)


def _agreement(compared: Mapping[str, Sequence[Comparison]]) -> Iterator[str]:
    everything = [one for ones in compared.values() for one in ones]
    small = [one for one in everything if one.cell and one.cell.dataset == "ml100k"]
    rows = []
    for label, ones in (("all", everything), ("ML-100K", small)):
        counted = [agreement(ones, metric) for metric in ("ER@10", "HR@10")]
        rows.append([label, *(f"{agree} of {of} ({agree / of:.0%})" if of else "none measured" for agree, of in counted)])
    yield _grid(["cells", f"ER@10 within {ER_POINTS:g} points or on the same side", f"HR@10 within {HR_POINTS:g} points"], rows)


def _claims(measured: Measured) -> Iterator[str]:
    rows = []
    for claim in CLAIMS:
        verdict = claim.verdict(measured)
        if verdict is None:
            rows.append([claim.text, claim.source, "not measured", ""])
            continue
        numbers = "<br>".join(("" if true else "✗ ") + text for true, text in verdict.assertions)
        rows.append([claim.text, claim.source, "holds" if verdict.holds else "**fails**", numbers])
    yield _grid(["claim", "where", "verdict", "numbers (✗: does not hold)"], rows)


def _table(name: str, layout: Layout, compared: Sequence[Comparison]) -> Iterator[str]:
    yield f"### {layout.title}"
    metrics = list(dict.fromkeys(one.metric for one in compared))
    columns = list(dict.fromkeys(tuple(one.choices[option] for option in layout.columns) for one in compared))
    rows = list(dict.fromkeys(tuple(one.choices[option] for option in layout.rows) for one in compared))
    at = {(tuple(one.choices[o] for o in layout.rows), tuple(one.choices[o] for o in layout.columns), one.metric): one for one in compared}
    heads = [
        ", ".join([*(named(o, choice) for o, choice in zip(layout.columns, column, strict=True)), metric])
        for column in columns
        for metric in metrics
    ]
    lines = []
    for row in rows:
        label = ", ".join(named(option, choice) for option, choice in zip(layout.rows, row, strict=True))
        lines.append([label, *(_cell(at.get((row, column, metric))) for column in columns for metric in metrics)])
    yield _grid(["", *heads], lines)
    yield f"`python -m fedrec.main experiment=paper/{name} ...`, all of them: `python -m experiments.paper only={name}`"


def _cell(one: Comparison | None) -> str:
    if one is None:
        return ""
    digits = 4 if one.metric.startswith(("PKL", "UCR")) else 0 if one.metric in {"users", "items", "interactions", "rate"} else 2
    paper = f"paper {one.printed:,.{digits}f}"
    if one.measured is None:
        return f"not measured<br>{paper}"
    value = f"{one.measured:,.{digits}f}" + (f" ± {one.error:.{max(1, digits - 1)}f}" if one.error is not None and digits else "")
    if one.agrees is False:
        position = explanation(one)
        value = f"**{value}** {_letter(position) if position is not None else '(unexplained)'}"
    difference = round(one.measured - one.printed, digits) + 0.0  # never -0.0
    return f"{value}<br>{paper} ({difference:+,.{digits}f})"


def _picture(figure: Figure) -> list[str]:
    return [
        f"### {figure.title}",
        f"![{figure.title}]({figure.name}.png)",
        f"{figure.caption} Data: [data/{figure.name}.csv](data/{figure.name}.csv)",
    ]


def _matrix(measured: Measured) -> Iterator[str]:
    """Defense against attack, and the worst case of each defense."""
    for model in ("mf", "ncf"):
        cells = {(cell.choices["defense"], cell.choices["attack"]): cell for cell in measured.where("matrix", {"model": model})}
        if not cells:
            continue
        attacks, defenses = (list(dict.fromkeys(key[position] for key in cells)) for position in (1, 0))
        rows = []
        for defense in defenses:
            er = {attack: 100 * cells[defense, attack].mean("ER@10") for attack in attacks if (defense, attack) in cells}
            against = {attack: value for attack, value in er.items() if attack != "none"} or er
            worst = max(against.values())
            by = [named("attack", attack) for attack, value in against.items() if value == worst > 0]
            least = 100 * min(cells[defense, attack].mean("HR@10") for attack in er)
            shown = [f"{er[attack]:.1f}" if attack in er else "" for attack in attacks]
            row = [named("defense", defense), *shown, f"**{worst:.1f}** {', '.join(by)}", f"{least:.1f}"]
            rows.append((worst, row))
        rows.sort(key=lambda row: row[0])
        yield f"### Every attack against every defense: {named('model', model)}, ML-100K"
        seeds = len(next(iter(cells.values())).runs)
        yield f"ER@10 at the epoch with the best HR@10, seeds: {seeds}; best worst case first. Last column: the least HR@10 of a row."
        yield _grid(["defense", *(named("attack", attack) for attack in attacks), "worst case", "HR@10"], [row for _, row in rows])


def _buckets(measured: Measured) -> Iterator[str]:
    """Mean exposure of targets by their popularity."""
    rows = []
    for model in ("mf", "ncf"):
        for attack in ("pieck_ipe", "pieck_uea"):
            for defense in ("none", "ours"):
                cells = list(measured.where("target_items", {"model": model, "attack": attack, "defense": defense}))
                if cells:
                    label = [named("model", model), named("attack", attack), named("defense", defense)]
                    rows.append([*label, *(_bucket(cells, low, high) for low, high in _BUCKETS), f"{_mean(cells):.1f}"])
    if rows:
        heads = [f"rank {low:.0%} to {high:.0%}" for low, high in _BUCKETS]
        yield "Mean ER@10 by the popularity rank of the target (0 %: most popular), least and most in brackets:"
        yield _grid(["model", "attack", "defense", *heads, "all"], rows)


_BUCKETS = ((0.0, 0.05), (0.05, 0.15), (0.15, 0.5), (0.5, 1.0))


def _bucket(cells: Iterable[MeasuredCell], low: float, high: float) -> str:
    values = []
    for cell in cells:
        run = next(iter(cell.runs.values()))
        if low < run["target_ranks"][0] / run["dataset"]["items"] <= high:
            values.append(100 * cell.mean("ER@10"))
    return f"{sum(values) / len(values):.1f} ({min(values):.0f} to {max(values):.0f}; {len(values)} items)" if values else "no item"


def _mean(cells: Sequence[MeasuredCell]) -> float:
    return sum(100 * cell.mean("ER@10") for cell in cells) / len(cells)


def _knowledge(measured: Measured) -> Iterator[str]:
    """Attacks that are told what the paper denies them."""
    rows = []
    for experiment, told in (("told_interactions", "attack.known_share"), ("told_popularity", "attack.prior")):
        for cell in measured.of_experiment(experiment):
            what = f"{float(cell.choices[told]):.0%} of all interactions" if told == "attack.known_share" else cell.choices[told]
            numbers = [f"{100 * cell.mean(metric, rule):.1f}" for rule in ("best", "final") for metric in ("ER@10", "HR@10")]
            rows.append([named("model", cell.choices["model"]), named("attack", cell.choices.get("attack", "fedreca")), what, *numbers])
    if rows:
        yield "### Beyond the paper: what knowledge is worth"
        yield "ML-100K, no defense. The paper masks the prior knowledge of FedRecA and PIPA; here they, and fake profiles, are told."
        yield _grid(["model", "attack", "told", "ER@10", "HR@10", "last epoch ER@10", "HR@10"], rows)


def _explanations(compared: Iterable[Comparison]) -> Iterator[str]:
    outside = [one for one in compared if one.agrees is False]
    used = {explanation(one) for one in outside}
    lines = [f"- **{_letter(position)}** {known.text}" for position, known in enumerate(EXPLANATIONS) if position in used]
    unexplained = sum(explanation(one) is None for one in outside)
    yield (
        "\n".join(textwrap.fill(line, 140, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False) for line in lines)
        or "None does."
    )
    if unexplained:
        yield f"{unexplained} cells are not explained yet."


def _letter(position: int) -> str:
    return f"[{chr(ord('a') + position)}]"


def _grid(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
