"""What the user sees when a run has ended: a table of what each rule reports, how steady it is, and where everything lies."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from fedrec.evaluation.epoch_selection import EVALUATIONS, NEAR, exposure_of
from fedrec.tracking.id_maps import in_words
from fedrec.tracking.mlflow.user_interface import page_of

_SWING = 0.1  # of ER@K between the best epoch and those around it
_FACTS = ("round", "epoch", "evaluations")  # that stand beside the metrics


def show_results(summary: Mapping[str, Any], folder: Path) -> None:
    """Print every metric that the rules report; all but PKL and gini are in percent. The table fits 80 columns.

    A run that was interrupted shows what it has reached; before its first evaluation that is no metric.
    """
    seconds = summary["seconds"]
    parts = ", ".join(f"{name} {seconds[name]:.1f} s" for name in ("train", "evaluate", "track"))
    console = Console(soft_wrap=True)
    if summary["evaluations"]:
        console.print(_table(summary))
        for line in _explained(summary):
            console.print(line, markup=False, emoji=False)  # an id may hold brackets
    peak = summary["peak_memory_mb"]
    memory = "" if peak is None else f", peak memory {peak:.0f} MB"
    console.print(f"{summary['rounds']} rounds in {seconds['total']:.1f} s ({parts}){memory}")
    console.print(f"results: {folder}")
    if summary.get("mlflow_run_id"):
        for line in page_of(summary["mlflow_uri"], summary["mlflow_experiment_id"]):
            console.print(line, markup=False, highlight=False)


def _table(summary: Mapping[str, Any]) -> Table:
    """Return a table with a column for each rule. What the names of metrics call `_stderr` is ± there."""
    reported = {rule: summary[rule] for rule in EVALUATIONS if summary[rule]}
    table = Table(Column(), *(Column(rule, justify="right", no_wrap=True) for rule in reported), show_edge=False, pad_edge=False)
    epochs = {rule: f"{values['epoch']}{f' ± {NEAR}' if rule == 'near_best' else ''}" for rule, values in reported.items()}
    table.add_row("epoch", *epochs.values(), end_section=True)
    undefined = summary["undefined"]
    for name in _in_order([*reported["final"], *undefined], summary["config"]["evaluation"]["selection"]):
        values = ("n/a" if name in undefined else _shown(name, values.get(name)) for values in reported.values())
        table.add_row(name.replace("_stderr", " ±"), *values)
    return table


def _in_order(names: Sequence[str], selection: str) -> list[str]:
    """Return the names of metrics: first the selection metric, and ER@K and HR@K with its K, then the rest as it was measured."""
    exposure = exposure_of(selection)
    names_first = dict.fromkeys((exposure, exposure.replace("ER", "HR"), selection))
    first = [f"{name}{suffix}" for name in names_first for suffix in ("", "_stderr")]
    return [name for name in (*first, *(one for one in names if one not in first)) if name in names and name not in _FACTS]


def _explained(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the table means and how much the exposure varies from epoch to epoch."""
    options = summary["config"]["evaluation"]
    exposure = exposure_of(options["selection"])
    yield f"target items: {in_words(summary['target_items'], summary['target_titles'])}"
    if n_malicious := summary["malicious_clients"]:
        yield f"attacker: {n_malicious} malicious clients beside {summary['dataset']['users']} users"
    for reason in dict.fromkeys(summary["undefined"].values()):
        yield f"n/a: {', '.join(name for name, why in summary['undefined'].items() if why == reason)} undefined, because {reason}"
    yield f"best = highest {options['selection']} on the test item; near_best = mean around it"
    legend = {"peak": f"highest {exposure}", "validation": f"highest {options['selection']} on the validation item"}
    if known := [f"{rule} = {meaning}" for rule, meaning in legend.items() if summary[rule]]:
        yield "; ".join(known)
    if summary["exposed"] is not None:
        share, above, n = 100 * summary["exposed"], 100 * options["exposed_above"], summary["evaluations"]
        yield f"exposed: in {share:.1f} % of {n} evaluations more than {above:g} % of the users saw a target"
        best, near = summary["best"][exposure], summary["near_best"][exposure]
        if abs(best - near) > _SWING:
            yield f"{exposure} swings: {100 * best:.2f} % at the best epoch, {100 * near:.2f} % within {NEAR} epochs of it"


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return (
        f"{value:.4f}" if name.startswith(("PKL", "gini")) else f"{100 * value:.2f} %".replace("100.00", "100")
    )  # seven characters at most
