"""What a user sees when a run has ended: the reported epochs as a table, and where everything lies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RULES = {"best": "highest selection metric, test item (the paper's rule)", "validation": "same, validation item", "final": "last"}


def show_results(summary: Mapping[str, Any], folder: Path) -> None:
    """Print ER, HR and NDCG of the best, validation and final epoch in percent."""
    rows = {rule: summary[rule] for rule in RULES if summary[rule]}
    names = [name for name in rows["final"] if "@" in name and not name.startswith(("validation_", "mined", "PKL", "UCR"))]
    names = [name for name in names if not name.endswith("_stderr")]
    table = Table(title=f"target items {summary['target_items']}, percent", title_justify="left")
    for column in ("", "epoch", *names):
        table.add_column(column, justify="left" if not column else "right")
    for rule, values in rows.items():
        table.add_row(rule, str(values["epoch"]), *(f"{100 * values[name]:.2f}" for name in names))
    console = Console()
    console.print(table)
    seconds = summary["seconds"]
    parts = ", ".join(f"{name} {seconds[name]:.1f} s" for name in ("train", "evaluate", "track"))
    console.print(f"{summary['rounds']} rounds in {seconds['total']:.1f} s ({parts}), peak memory {summary['peak_memory_mb']:.0f} MB")
    console.print(f"results: {folder}", soft_wrap=True)
    if summary.get("mlflow_run_id"):
        console.print(f"MLflow run {summary['mlflow_run_id']}", soft_wrap=True)
