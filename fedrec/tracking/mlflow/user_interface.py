"""Where a person looks at runs: the addresses of MLflow's pages of experiments and runs, and the command that starts the UI."""

import json
import os
import shlex
from pathlib import Path
from urllib.parse import urlsplit

VIEW = "fedrec"  # name of the shared view that `experiment_page` writes
_LOCAL = "http://localhost:5000"  # where `mlflow ui` listens


def page_of(uri: str, experiment: str) -> list[str]:
    """Return in one or two lines where MLflow shows the experiment with this id, and how the UI of a store without a server is started."""
    link = f"{_address(uri, experiment)}/runs?workflowType=machine_learning&viewStateShareKey={VIEW}"
    start = start_of_ui(uri)
    return [f"MLflow: {link}"] if start is None else [f"MLflow: {start}", f"  then open {link}"]


def start_of_ui(uri: str) -> str | None:
    """Return the command that starts the UI of a store; None for a server, which has one."""
    return None if _is_server(uri) else f"mlflow ui --backend-store-uri {shlex.quote(_shortest(uri))} --workers 1"


def page_of_run(folder: Path) -> str | None:
    """Return where MLflow shows the run that lies in a folder; None if it does not, or if the folder is elsewhere."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        if run := summary["mlflow_run_id"]:
            return f"{_address(summary['mlflow_uri'], summary['mlflow_experiment_id'])}/runs/{run}"
    except (OSError, ValueError, KeyError):
        pass
    return None


def _address(uri: str, experiment: str) -> str:
    return f"{(uri if _is_server(uri) else _LOCAL).rstrip('/')}/#/experiments/{experiment}"


def _is_server(uri: str) -> bool:
    return uri.startswith(("http://", "https://"))


def _shortest(uri: str) -> str:
    """Return the address of an SQLite file relative to the working directory if it lies there."""
    if urlsplit(uri).scheme.split("+")[0] != "sqlite":
        return uri
    start, _, file = uri.partition(":///")
    path = Path(file)
    return f"{start}:///{os.path.relpath(path)}" if path.is_relative_to(Path.cwd()) else uri
