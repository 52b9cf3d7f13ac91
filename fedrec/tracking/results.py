"""What the user sees when a run has ended: a table of the reported epochs, and where everything lies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table


def show_results(summary: Mapping[str, Any], folder: Path) -> None:
    """Print every metric of the best, validation and final epoch, where ER, HR and NDCG are in percent."""
    reported = {rule: summary[rule] for rule in ("best", "validation", "final") if summary[rule]}
    headers = [Column(f"{rule} (epoch {values['epoch']})", justify="right") for rule, values in reported.items()]
    table = Table(Column(no_wrap=True), *headers)
    for name in reported["final"]:
        if name not in {"round", "epoch"}:
            table.add_row(name, *(_shown(name, values[name]) for values in reported.values()))
    items = ", ".join(map(str, summary["target_items"]))
    seconds = summary["seconds"]
    parts = ", ".join(f"{name} {seconds[name]:.1f} s" for name in ("train", "evaluate", "track"))
    console = Console(soft_wrap=True)
    console.print(table)
    console.print(f"target items: {items}; best = highest {summary['config']['evaluation']['selection']} on the test item")
    console.print(f"{summary['rounds']} rounds in {seconds['total']:.1f} s ({parts}), peak memory {summary['peak_memory_mb']:.0f} MB")
    console.print(f"results: {folder}")
    if summary.get("mlflow_run_id"):
        console.print(f"MLflow: run {summary['mlflow_run_id']} in {summary['mlflow_uri']}")


def _shown(name: str, value: float) -> str:
    return f"{value:.4f}" if name.startswith("PKL") else f"{100 * value:.2f} %"
