"""What the user sees when a run has ended: the verdict, a table of what each rule reports, and where everything lies."""

import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from rich.console import Console
from rich.table import Column, Table

from fedrec.config.earlier_runs import earlier_runs, run_without
from fedrec.config.job_list import current_job
from fedrec.config.run_log import print_line, write_to_file
from fedrec.evaluation.epoch_selection import EVALUATIONS, NEAR, exposure_of
from fedrec.tracking.id_maps import in_words
from fedrec.tracking.mlflow.user_interface import page_of
from fedrec.tracking.verdict import left_out, lost_metric, verdict

_FACTS = ("round", "epoch", "evaluations")  # that stand beside the metrics
_LOG_COLUMNS = 120


def show_results(summary: Mapping[str, Any], folder: Path) -> None:
    """Print the verdict and every metric that the rules report; all but PKL and gini are in percent. The table fits 80 columns.

    A run that was interrupted shows what it has reached; before its first evaluation that is no metric. A job of a sweep shows one line.
    The log of the run holds the rest, too.
    """
    said = list(_judged(summary, folder))
    job, text = current_job(), io.StringIO()
    for console in (Console(file=text, width=_LOG_COLUMNS, soft_wrap=True), *(() if job else (Console(soft_wrap=True),))):
        _show(console, said, summary, folder)
    write_to_file(f"the results:\n{text.getvalue().rstrip()}")
    if job:
        print_line(f"{job.padded}  {in_one_line(summary)}", sys.stdout)


def in_one_line(summary: Mapping[str, Any]) -> str:
    """Return what a reader of many runs wants of each: ER@K and HR@K at the best epoch, ER@K around it, and the seconds.

    Without target items there is no ER@K, but perhaps a share of HR@K that is lost.
    """
    exposure = exposure_of(summary["config"]["evaluation"]["selection"])
    wanted = (("best", exposure), ("near_best", exposure), ("best", exposure.replace("ER", "HR")))
    values = [(summary[rule] or {}).get(name) for rule, name in wanted]
    shown = ["    n/a" if value is None else f"{100 * value:5.1f} %" for value in values]
    ended = "" if summary["status"] == "FINISHED" else f", {summary['status'].lower()} after {summary['rounds']} rounds"
    if not summary["target_items"]:
        lost = f", lost {100 * summary['degradation'][name]:5.1f} %" if (name := lost_metric(summary)) else ""
        return f"{wanted[2][1]} {shown[2]}{lost}, {summary['seconds']['total']:.1f} s{ended}"
    return f"{wanted[0][1]} {shown[0]}, near best {shown[1]}, {wanted[2][1]} {shown[2]}, {summary['seconds']['total']:.1f} s{ended}"


def _judged(summary: Mapping[str, Any], folder: Path) -> Iterator[str]:
    """Yield the verdict, and where the runs lie that it compares with: the same without the defense or without the attack."""
    group, lost = left_out(summary["config"]) if summary["status"] == "FINISHED" else None, summary.get("degradation")
    group = None if group == "attack" and lost else group
    working = Path(HydraConfig.get().runtime.cwd if HydraConfig.initialized() else ".")
    found = run_without(group, summary, earlier_runs(working, folder)) if group else None
    yield verdict(summary, found[1] if found else None)
    if lost:
        yield f"the run without the attack: {lost['without']['folder']}"
    if found:
        yield f"the run without the {group}: {found[0]}"


def _show(console: Console, said: Sequence[str], summary: Mapping[str, Any], folder: Path) -> None:
    seconds = summary["seconds"]
    named = ("train", "evaluate", "track", *(("checkpoint",) if seconds["checkpoint"] >= 0.05 else ()))
    parts = ", ".join(f"{name} {seconds[name]:.1f} s" for name in named)
    console.print(said[0], style="bold", highlight=False, markup=False, emoji=False, soft_wrap=not console.is_terminal)
    if summary["evaluations"]:
        console.print(_table(summary))
        for line in (*_explained(summary), *said[1:]):
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
    undefined, lost = summary["undefined"], _lost(summary)
    for name in _in_order([*reported["final"], *undefined], summary["config"]["evaluation"]["selection"]):
        values = ("n/a" if name in undefined else _shown(name, values.get(name)) for values in reported.values())
        table.add_row(name.replace("_stderr", " ±"), *values)
        if name in lost:
            table.add_row(f"{name} lost", *(_shown(name, lost[name]) if rule == "best" else "" for rule in reported))
    return table


def _lost(summary: Mapping[str, Any]) -> dict[str, float]:
    """Return the shares that an attack destroys of the metrics with the K of the one that selects."""
    k = summary["config"]["evaluation"]["selection"].partition("@")[2]
    return {name: lost for name, lost in (summary.get("degradation") or {}).items() if name.endswith(f"@{k}")}


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
    if summary["target_items"]:
        yield f"target items: {in_words(summary['target_items'], summary['target_titles'])}"
    if n_malicious := summary["malicious_clients"]:
        yield f"attacker: {n_malicious} malicious clients beside {summary['dataset']['users']} users"
    for reason in dict.fromkeys(summary["undefined"].values()):
        yield f"n/a: {', '.join(name for name, why in summary['undefined'].items() if why == reason)} undefined, because {reason}"
    yield f"best = highest {options['selection']} on the test item; near_best = mean around it"
    legend = {"peak": f"highest {exposure}", "validation": f"highest {options['selection']} on the validation item"}
    if summary.get("degradation"):
        yield "lost = share that the attack destroys, against the same run without it"
    if known := [f"{rule} = {meaning}" for rule, meaning in legend.items() if summary[rule]]:
        yield "; ".join(known)
    if summary["exposed"] is not None:
        share, above, n = 100 * summary["exposed"], 100 * options["exposed_above"], summary["evaluations"]
        yield f"exposed: in {share:.1f} % of {n} evaluations more than {above:g} % of the users saw a target"


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return (
        f"{value:.4f}" if name.startswith(("PKL", "gini")) else f"{100 * value:.2f} %".replace("100.00", "100")
    )  # seven characters at most
