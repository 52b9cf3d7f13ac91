"""Where a person looks at runs: the address of MLflow's page of an experiment, and the command that starts the UI."""

import os
import shlex
from pathlib import Path
from urllib.parse import urlsplit

VIEW = "fedrec"  # name of the shared view that `experiment_page` writes
_LOCAL = "http://localhost:5000"  # where `mlflow ui` listens


def page_of(uri: str, experiment: str) -> list[str]:
    """Return in one or two lines where MLflow shows the experiment with this id, and how the UI of a store without a server is started."""
    is_server = uri.startswith(("http://", "https://"))
    address = f"{(uri if is_server else _LOCAL).rstrip('/')}/#/experiments/{experiment}/runs?workflowType=machine_learning"
    link = f"{address}&viewStateShareKey={VIEW}"
    start = f"MLflow: mlflow ui --backend-store-uri {shlex.quote(_shortest(uri))} --workers 1"
    return [f"MLflow: {link}"] if is_server else [start, f"  then open {link}"]


def _shortest(uri: str) -> str:
    """Return the address of an SQLite file relative to the working directory if it lies there."""
    if urlsplit(uri).scheme.split("+")[0] != "sqlite":
        return uri
    start, _, file = uri.partition(":///")
    path = Path(file)
    return f"{start}:///{os.path.relpath(path)}" if path.is_relative_to(Path.cwd()) else uri
