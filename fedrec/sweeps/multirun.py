"""Hydra's sweeper over every combination of options, whose jobs share a parent run in MLflow that says what became of each."""

import json
import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, open_dict

from fedrec.config.job_list import JobList, varying
from fedrec.config.jobs import CheckingSweeper
from fedrec.evaluation.degradation import DEGRADATION
from fedrec.sweeps.mlflow_runs import MlflowRuns, runs_of
from fedrec.tracking.mlflow.notes import NOTE, percent, signed, table
from fedrec.tracking.mlflow.reported import measures
from fedrec.tracking.mlflow.run_description import MULTIRUN, PARENT
from fedrec.tracking.mlflow.run_record import command

_MOST_ROWS = 40  # of the table in a note: MLflow takes 8000 characters
_LONGEST_NAME = 150

log = logging.getLogger(__name__)


class TrackedSweeper(CheckingSweeper):
    """Makes the parent run once all jobs are checked, and ends it when the last job has ended, whatever happened."""

    _home: "Home | None" = None

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Check as `CheckingSweeper` does. Before the first batch, also make the parent run of several jobs."""
        assert self.config is not None and self.overrides is not None
        jobs = [job for jobs in self.overrides for job in jobs]
        is_first = self.batch_index <= 1 and len(jobs) > 1
        mlflow = runs_of(self.config.tracking, self.config.hydra.sweep.dir) if is_first else None  # imports MLflow meanwhile
        super().validate_batch_is_legal(batch)
        if is_first:
            self._home = Home(self.config, jobs, mlflow)

    def sweep(self, arguments: list[str]) -> Any:
        """Run all jobs and return what they return."""
        status = "FAILED"
        try:
            returned = super().sweep(arguments)
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            if self._home is not None:
                self._home.end(status)
        return returned


class Home:
    """The parent run of a multirun. Trouble with MLflow never stops a job."""

    def __init__(self, config: DictConfig, jobs: Sequence[Sequence[str]], mlflow: MlflowRuns | None) -> None:
        """Make the run if runs are tracked in MLflow, and let the jobs know of it, wherever a launcher runs them."""
        self.folder, self.mlflow, self.n_jobs = Path(config.hydra.sweep.dir), mlflow, len(jobs)
        self.varied = varying(jobs)
        told = {MULTIRUN: self.folder.name}
        if mlflow is not None:
            mlflow.deliver()  # what an earlier multirun in this folder has left
            try:
                told[PARENT] = mlflow.setup(uuid.uuid4().hex, self.name, {"multirun": self.folder.name})
            except RuntimeError as error:
                log.warning(f"MLflow does not take the parent run of the jobs: {error}")
        with open_dict(config):
            for variable, value in told.items():
                config.hydra.overrides.hydra.append(f"++hydra.job.env_set.{variable}={json.dumps(value)}")

    @property
    def name(self) -> str:
        """What varies, and how many jobs there are."""
        what = " · ".join(f"{option}={','.join(values)}" for option, values in self.varied.items())
        what = what if len(what) <= _LONGEST_NAME else f"{what[:_LONGEST_NAME]}…"
        return f"{self.n_jobs} runs: {what}"

    def end(self, status: str) -> None:
        """End the parent run as FINISHED, FAILED or KILLED, with a table of its jobs."""
        if self.mlflow is None:
            return
        try:
            self.mlflow.end(status, {NOTE: signed(self.note(status))}, {}, {})
        except (RuntimeError, OSError, ValueError) as error:  # the last two: somebody has removed or changed jobs.json
            log.warning(f"MLflow did not take the end of the jobs: {error}. To deliver it later: {command(self.folder)}")

    def note(self, status: str) -> str:
        """Return what varies and what became of each job, in Markdown."""
        summaries = list(_summaries(self.folder))
        finished = sum(one["status"] == "FINISHED" for one in summaries)
        ended = {"KILLED": " It was interrupted.", "FAILED": " A run failed."}.get(status, "")
        parts = [f"{finished} of {self.n_jobs} runs are finished.{ended}"]
        if summaries:
            named = measures(summaries[0]["config"])
            rules = {named["exposure"]: ("best", "near_best"), named["quality"]: ("best", DEGRADATION)}
            columns = [(rule, name) for name, found in rules.items() for rule in found]
            columns = [(rule, name) for rule, name in columns if any(name in (one.get(rule) or {}) for one in summaries)]
            head = ("run", *(f"{name} {rule}" for rule, name in columns), "seconds", "status")
            parts.append(table(head, [_row(one, columns) for one in summaries[:_MOST_ROWS]]))
        if len(summaries) > _MOST_ROWS:
            parts.append(f"{len(summaries) - _MOST_ROWS} more runs lie below this one.")
        parts.append("\n".join(f"- `{option}`: {', '.join(values)}" for option, values in self.varied.items()))
        return "\n\n".join(parts)


def _summaries(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the summaries of all jobs that left one."""
    for path in JobList.read(folder).summaries(folder):
        try:
            yield json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            log.warning(f"{path} cannot be read")


def _row(summary: Mapping[str, Any], columns: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return the name of a run, what each rule reports of each metric, and how the run ended."""
    shares = ((summary.get(rule) or {}).get(name) for rule, name in columns)
    return summary.get("name", ""), *map(percent, shares), f"{summary['seconds'].get('total', 0):.0f}", summary["status"].lower()
