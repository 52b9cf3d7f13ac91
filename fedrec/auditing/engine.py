"""Conducts an audit: data and options -> questions -> runs in a store -> tables and a verdict. `planned` says what it would do."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fedrec.api.arguments_given import with_table
from fedrec.api.kept_data import kept
from fedrec.auditing.audit_course import Course
from fedrec.auditing.audit_forecast import Forecast
from fedrec.auditing.audit_options import AuditOptions
from fedrec.auditing.audit_result import AuditResult
from fedrec.auditing.audit_subject import Audit
from fedrec.auditing.audit_tables import Tables
from fedrec.auditing.audit_verdict import left_out, verdict
from fedrec.campaigns.store import Store
from fedrec.sweeps.study_storage import FILE, locate
from fedrec.sweeps.worker_files import remove_worker_files

if TYPE_CHECKING:
    import pandas as pd

STORE = "audit"  # the name of the store in which results are kept


def conduct_audit(
    options: AuditOptions, overrides: Sequence[str], passed: Sequence[str], frame: "pd.DataFrame | None" = None, progress: bool = True
) -> AuditResult:
    """Measure what is missing, and return what the audit has found. Hydra must be initialised.

    Args:
        options: What to measure, how long and where.
        overrides: Of every run: its data, its model, and their options.
        passed: Options of Hydra and of tracking.
        frame: Takes the place of the file of dataset=table.
        progress: Whether a bar is shown on stderr.

    Raises ConfigError, or what Hydra raises, if an option is wrong or the data cannot be read. A run that fails is named in `left_out`.
    """
    folder = Path(options.folder).absolute()
    audit = Audit.of(options, _with_data(overrides, folder, frame), passed)
    runs = audit.runs(Store(locate(options.storage, folder, "storage"), STORE), progress)
    course = Course(audit.field, runs.results, runs.measure, runs.seconds, audit.budget)
    known = course.follow()
    tables = Tables(audit.field, known, course.asked, runs.source).all()
    if not runs.failed and runs.store is not None:
        remove_worker_files(folder, runs.store.study.address)
    seconds = sum(map(runs.seconds, known)) / options.workers
    facts = {**audit.facts(seconds), "failed": [f"{title}: {reason}" for title, reason in runs.failed.items()]}
    return AuditResult(facts, verdict(tables, audit.field.users), left_out(course.cut, runs.failed), **tables)


def planned(options: AuditOptions, overrides: Sequence[str], passed: Sequence[str], frame: "pd.DataFrame | None" = None) -> str:
    """Return how many runs the audit makes for each question and how long they take, as lines of text. Nothing is run or stored.

    What later questions ask depends on results. Runs that have not been measured are taken to end as is usual.
    """
    folder = Path(options.folder).absolute()
    audit = Audit.of(options, _with_data(overrides, folder, frame), passed)
    is_stored = options.storage is not None or (folder / FILE).is_file()
    runs = audit.runs(Store(locate(options.storage, folder, "storage"), STORE) if is_stored else None, False)
    forecast = Forecast(runs)
    course = Course(audit.field, forecast.results, forecast.measure, runs.seconds, audit.budget)
    course.follow()
    return forecast.text(course, options.workers)


def _with_data(overrides: Sequence[str], folder: Path, frame: "pd.DataFrame | None") -> list[str]:
    """Return the overrides with the file that keeps a DataFrame. It is written now: every process reads it."""
    if frame is None:
        return list(overrides)
    return [*with_table(overrides, frame), kept(frame, folder)]
