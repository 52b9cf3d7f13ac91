"""What a sweep over options shows at its end: all its jobs side by side, also as a file in its folder."""

import json
import logging
import shlex
from collections.abc import Iterator
from pathlib import Path

STARTED = "multirun.yaml"  # Hydra writes it before the first job; its time is that of the disk which the jobs write to, too
FILE = "comparison.csv"

log = logging.getLogger(__name__)


def show_jobs(folder: Path, is_quiet: bool = False) -> None:
    """Print the jobs of the sweep in `folder` side by side unless it is quiet, and write the table. Nothing that fails ends the sweep."""
    try:
        _show(folder, is_quiet)
    except Exception as error:
        told = f"no comparison of the jobs: {' '.join(str(error).split()) or type(error).__name__}"
        log.warning(told) if is_quiet else print(told)


def _show(folder: Path, is_quiet: bool) -> None:
    from rich.console import Console

    from fedrec.comparison.comparing import compare
    from fedrec.comparison.reading import collect
    from fedrec.comparison.run_folders import run_folders
    from fedrec.comparison.text_table import print_text

    since = (folder / STARTED).stat().st_mtime
    if not (jobs := run_folders(folder, since)[0]):  # no job has got as far as a summary
        return
    compared = compare(collect(folder, since=since), tested=False)
    if not is_quiet:  # first: a full disk costs the file only
        print()
        print_text(compared, Console())
    compared.save(folder / FILE)
    if not is_quiet:
        for line in _where(folder, jobs[-1]):
            Console(soft_wrap=True).print(line, markup=False, highlight=False)


def _where(folder: Path, job: Path) -> Iterator[str]:
    """Yield where the table lies, how to see more, and where MLflow shows the jobs."""
    from fedrec.tracking.mlflow.user_interface import page_of

    yield f"comparison: {folder / FILE}"
    yield f"tests, LaTeX, pictures: python -m fedrec.compare {shlex.quote(str(folder))}"
    summary = json.loads((job / "summary.json").read_text(encoding="utf-8"))
    if summary.get("mlflow_run_id"):
        yield from page_of(summary["mlflow_uri"], summary["mlflow_experiment_id"])
