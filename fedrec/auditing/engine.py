"""Conducts an audit: data and options -> questions -> runs in a store -> tables and a verdict. `planned` says what it would do."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from omegaconf import DictConfig, OmegaConf

from fedrec.api.arguments_given import with_table
from fedrec.api.kept_data import kept
from fedrec.auditing.audit_commands import audit_command, common_arguments
from fedrec.auditing.audit_course import Course
from fedrec.auditing.audit_field import Field, contestants, examples
from fedrec.auditing.audit_forecast import Forecast
from fedrec.auditing.audit_options import AuditOptions
from fedrec.auditing.audit_record import AuditRecord
from fedrec.auditing.audit_result import AuditResult
from fedrec.auditing.audit_runs import EXPERIMENT, AuditRuns
from fedrec.auditing.audit_setups import Choice
from fedrec.auditing.audit_source import source_of
from fedrec.auditing.audit_tables import Tables
from fedrec.auditing.audit_tuning import variants
from fedrec.auditing.audit_verdict import left_out, verdict
from fedrec.campaigns.campaign_command import make_planner
from fedrec.campaigns.cells import Planner
from fedrec.campaigns.store import Store
from fedrec.config.build import check
from fedrec.config.secrets import masked
from fedrec.config.validation import ConfigError
from fedrec.interfaces import Split
from fedrec.sweeps.study_storage import FILE, locate
from fedrec.sweeps.worker_files import remove_worker_files
from fedrec.tracking.mlflow.user_interface import start_of_ui

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


@dataclass(frozen=True)
class Audit:
    """What an audit is of."""

    options: AuditOptions
    overrides: Sequence[str]
    passed: Sequence[str]
    planner: Planner
    field: Field
    config: DictConfig  # of a run without attack and defense
    statistics: Mapping[str, float]  # of the data

    @classmethod
    def of(cls, options: AuditOptions, overrides: Sequence[str], passed: Sequence[str]) -> "Audit":
        """Read the data, and look at every attack and every defense."""
        planner = make_planner(options, [*overrides, *passed], Path(options.folder).absolute(), {}, AuditRecord.__module__)
        config = planner.compose(EXPERIMENT, ())
        check(config)
        try:
            split = planner.split(config.dataset, 0)
        except ValueError as error:
            raise ConfigError(str(error)) from error
        _check_size(split, max(config.evaluation.k))
        promoting, untargeted, defenses = contestants({name: _promotes(planner, name) for name in options.attacks}, options.defenses)
        settings = {one: variants(_options(planner, one)) for one in defenses}
        asked = sorted(options.levels), options.seeds, options.quick
        field = Field(split.train.n_users, promoting, untargeted, defenses, *asked, examples(split), settings)
        return cls(options, overrides, passed, planner, field, config, split.statistics())

    @property
    def folder(self) -> Path:
        return Path(self.options.folder).absolute()

    @property
    def budget(self) -> float | None:
        """The seconds of all workers together."""
        return None if self.options.budget is None else self.options.budget * self.options.workers

    def runs(self, store: Store | None, progress: bool) -> AuditRuns:
        common = common_arguments(self.planner.arguments, self.passed)
        return AuditRuns(self.planner, self.options.workers, self.statistics["interactions"], self.folder, common, store, progress)

    def facts(self, seconds: float) -> dict[str, Any]:
        """Return what the page says about the audit itself; `seconds` is the time that its runs took."""
        choices = self.config.hydra.runtime.choices
        named = {name: str(choices[name]) for name in ("dataset", "model")}
        if path := self.config.dataset.get("path"):
            named["dataset"] = Path(str(path)).name
        numbers = {name: int(self.statistics[name]) for name in ("users", "items", "interactions")}
        given = {name: getattr(self.options, name) for name in ("seeds", "budget", "quick")}
        return {
            **named,
            **numbers,
            "attacks": [one.text for one in (*self.field.promoting, *self.field.untargeted)],
            "defenses": [one.name for one in self.field.defenses],
            **given,
            "epochs": int(self.config.system.epochs),
            "command": audit_command(self.options, self.overrides, self.passed),
            "source": source_of(self.config, self.folder),
            **({"mlflow": start_of_ui(masked(str(self.config.tracking.uri)))} if self.options.tracking == "mlflow" else {}),
            "version": import_module("fedrec").__version__,  # which offers what this module makes
            "machine": f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}, torch {torch.__version__}",
            "date": str(date.today()),
            "seconds": round(seconds, 1),
        }


def _check_size(split: Split, longest: int) -> None:
    """Raise ConfigError if no run can be made: half of the users must be an account, and the longest list must be filled."""
    for n, least, what in ((split.train.n_users, 2, "users"), (split.train.n_items, longest, "items")):
        if n < least:
            raise ConfigError(f"the data set has {n} {what}: an audit needs {least} or more")


def _promotes(planner: Planner, attack: str) -> bool:
    """Return whether an attack promotes items. Raises ConfigError if there is none of this name."""
    return bool(check(planner.compose(EXPERIMENT, (f"attack={attack}",))).parts["attack"].constructor.promotes)  # type: ignore[attr-defined]


def _options(planner: Planner, defense: Choice) -> Mapping[str, Any]:
    """Return the options of a defense."""
    found: Any = OmegaConf.to_container(planner.compose(EXPERIMENT, (f"defense={defense.name}",)).defense, resolve=True)
    return found or {}
