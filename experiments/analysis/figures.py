"""The figures as data, with the paper's axes; render/plots.py and render/page.py draw them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Literal

from experiments.analysis.claims.claim import MODELS, PIECK
from experiments.analysis.measured import Measured, MeasuredCell
from experiments.analysis.names import named
from experiments.analysis.tables import printed
from fedrec.evaluation.popular_share import POPULAR_SHARE


@dataclass(frozen=True)
class Series:
    """A line, a set of points or a set of bars; errors are standard errors over seeds, None for a single seed."""

    name: str
    x: Sequence[float | str]
    y: Sequence[float | str]
    errors: Sequence[float | None] = ()
    kind: Literal["line", "points", "bars"] = "line"
    dashed: bool = False


@dataclass(frozen=True)
class Panel:
    """One coordinate system."""

    title: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    log_x: bool = False
    log_y: bool = False
    borders: Sequence[float] = ()  # the x of vertical lines


@dataclass(frozen=True)
class Figure:
    """One picture; its files bear its name."""

    name: str
    title: str
    caption: str
    panels: Sequence[Panel]


def figures(measured: Measured) -> list[Figure]:
    """Return every figure whose cells have been measured."""
    made = (build(measured) for build in BUILDERS)
    return [figure for figure in made if figure is not None]


def _long_tail(m: Measured) -> Figure | None:
    panels = []
    for cell in m.of_experiment("fig3"):
        descending = cell.popularity
        border = round(POPULAR_SHARE * len(descending))
        places = sorted({*range(0, len(descending), max(1, len(descending) // 400)), len(descending) - 1})
        series = Series("items", [place + 1 for place in places], [descending[place] for place in places])
        title = f"{named('dataset', cell.dataset)}: the top 15 % have {cell.popular_share:.1%} of all interactions"
        panels.append(Panel(title, "items, most popular first", "interactions", [series], borders=[border]))
    caption = "The number of interactions that each item has in training. The line marks the 15 % most popular items."
    return Figure("fig3", "Fig. 3: item popularity", caption, panels) if panels else None


def _delta_norm(m: Measured) -> Figure | None:
    panels = []
    for cell in m.of_experiment("fig4"):
        run = cell.runs[min(cell.runs)]
        border = POPULAR_SHARE * run["dataset"]["items"]
        series = []
        for kind, popular in (("popular", True), ("unpopular", False)):
            points = [
                (rank, f"round {round}") for round, ranks in run["delta_norm"].items() for rank in ranks if (rank <= border) == popular
            ]
            series.append(Series(kind, [rank for rank, _ in points], [round for _, round in points], kind="points"))
        panels.append(Panel(named("model", cell.choices["model"]), "popularity rank", "", series, borders=[border]))
    caption = "Popularity ranks of the 50 items with the largest Delta-Norm (Eq. 7), seed 0. The line marks the 15 % most popular items."
    return Figure("fig4", "Fig. 4: who changes most", caption, panels) if panels else None


def _curve(name: str, cells: Sequence[MeasuredCell], option: str, metric: str, scale: float = 1.0, dashed: bool = False) -> Series:
    """Return a metric in percent against a numeric option."""
    x = [scale * float(cell.choices[option]) for cell in cells]
    errors = [None if (error := cell.error(metric)) is None else 100 * error for cell in cells]
    return Series(name, x, [100 * cell.mean(metric) for cell in cells], errors, dashed=dashed)


def _both_metrics(m: Measured, experiment: str, option: str, fixed: Mapping[str, str], scale: float = 1.0) -> list[Series]:
    """Return ER@10 (solid) and HR@10 (dashed) of both PIECK attacks."""
    series = []
    for metric in ("ER@10", "HR@10"):
        for attack in PIECK:
            cells = sorted(m.where(experiment, {"attack": attack, **fixed}), key=lambda cell: float(cell.choices[option]))
            if cells:
                series.append(_curve(f"{metric}, {named('attack', attack)}", cells, option, metric, scale, dashed=metric == "HR@10"))
    return series


def _parameters(m: Measured) -> Figure | None:
    share, size = "malicious clients p [%]", "mined items N"
    contents = (
        ("(a) p, no defense", share, _both_metrics(m, "fig5_share", "system.malicious_share", {"defense": "none"}, 100.0)),
        ("(b) p, with the defense", share, _both_metrics(m, "fig5_share", "system.malicious_share", {"defense": "ours"}, 100.0)),
        ("(c) N of the attack", size, _both_metrics(m, "fig5_attack", "attack.N", {})),
        ("(d) N of the defense", size, _both_metrics(m, "fig5_defense", "defense.N", {})),
    )
    panels = [Panel(title, x, "%", series, log_x=True) for title, x, series in contents if series]
    caption = "MF-FRS on ML-100K. ER@10 is solid, HR@10 is dashed. Bars at points are standard errors over seeds."
    return Figure("fig5", "Fig. 5: p and N", caption, panels) if panels else None


def _convergence(m: Measured) -> Figure | None:
    series = []
    for metric in ("ER@10", "HR@10"):
        for attack in PIECK:
            if cell := m.find("fig6_convergence", attack=attack):
                curve = cell.runs[min(cell.runs)]["curve"]
                y = [100 * value for value in curve[metric]]
                series.append(Series(f"{metric}, {named('attack', attack)}", curve["epoch"], y, dashed=metric == "HR@10"))
    costs = [
        Series(
            named("model", model),
            [_setting(cell) for cell in m.where("fig6_cost", {"model": model})],
            [1000 * mean(cell.seconds_per_round) for cell in m.where("fig6_cost", {"model": model})],
            kind="bars",
        )
        for model in MODELS
        if m.find("fig6_cost", model=model)
    ]
    panels = [
        *([Panel("(a) convergence, MF-FRS", "epoch", "%", series)] if series else []),
        *([Panel("(b) cost", "", "milliseconds per round", costs)] if costs else []),
    ]
    caption = (
        "ML-1M, seed 0. (a) ER@10 is solid, HR@10 is dashed. "
        "(b) The time of training, attack and aggregation in a round: the mean of 20 epochs on one core."
    )
    return Figure("fig6", "Fig. 6: convergence and cost", caption, panels) if panels else None


def _setting(cell: MeasuredCell) -> str:
    parts = [named(option, cell.choices[option]) for option in ("attack", "defense") if cell.choices[option] != "none"]
    return " + ".join(parts) or "neither"


def _sampling_ratio(m: Measured) -> Figure | None:
    option = "system.negatives_per_positive"
    series = []
    for epochs in ("150", "300"):
        cells = sorted(m.where("fig7", {"system.epochs": epochs}), key=lambda cell: float(cell.choices[option]))
        if cells:
            series.append(_curve(f"measured, {epochs} epochs", cells, option, "HR@10"))
    if not series:
        return None
    paper = list(printed("fig7"))
    series.append(Series("paper", [float(at[option]) for at, _ in paper], [values["HR@10"] for _, values in paper], dashed=True))
    panel = Panel("MF-FRS, ML-100K, no attack", "sampling ratio q", "HR@10 [%]", series)
    caption = (
        "The paper's numbers are those that a notebook of the released code prints: the best of the first 150 epochs. "
        "Bars at points are standard errors over seeds."
    )
    return Figure("fig7", "Fig. 7: sampling ratio q", caption, [panel])


def _target_items(m: Measured) -> Figure | None:
    panels = []
    for model in MODELS:
        series = []
        for attack in PIECK:
            for defense in ("none", "ours"):
                cells = list(m.where("target_items", {"model": model, "attack": attack, "defense": defense}))
                name = named("attack", attack) + (", ours" if defense == "ours" else "")
                ranks = [float(cell.runs[min(cell.runs)]["target_ranks"][0]) for cell in cells]
                if cells:
                    series.append(Series(name, ranks, [100 * cell.mean("ER@10") for cell in cells], kind="points"))
        if series:
            panels.append(Panel(named("model", model), "popularity rank of the target", "ER@10 [%]", series))
    caption = "Each point is a target item: 50 items of ML-100K were drawn once, and each is promoted in a run of its own (seed 0)."
    return Figure("target_items", "Beyond the paper: the target item", caption, panels) if panels else None


BUILDERS: Sequence[Callable[[Measured], Figure | None]] = (
    *(_long_tail, _delta_norm, _parameters, _convergence, _sampling_ratio, _target_items),
)
