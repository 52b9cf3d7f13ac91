"""What an audit is of: its options and data, and the parts that it puts to the test."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from fedrec.auditing.audit_commands import audit_command, common_arguments
from fedrec.auditing.audit_field import Field, contestants, examples
from fedrec.auditing.audit_options import AuditOptions
from fedrec.auditing.audit_record import AuditRecord
from fedrec.auditing.audit_runs import EXPERIMENT, AuditRuns
from fedrec.auditing.audit_setups import Choice
from fedrec.auditing.audit_source import source_of
from fedrec.auditing.audit_tuning import variants
from fedrec.campaigns.campaign_command import make_planner
from fedrec.campaigns.cells import Planner
from fedrec.campaigns.store import Store
from fedrec.config.build import check
from fedrec.config.secrets import masked
from fedrec.config.validation import ConfigError
from fedrec.interfaces import Split
from fedrec.tracking.mlflow.user_interface import start_of_ui


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
        if mistaken := [number for number in options.accounts if number > split.train.n_users]:
            raise ConfigError(f"accounts={mistaken[0]}: the data set has {split.train.n_users} users, and no more accounts are tried")
        promoting, untargeted, defenses = contestants({name: _promotes(planner, name) for name in options.attacks}, options.defenses)
        settings = {one: variants(_options(planner, one)) for one in defenses}
        asked = sorted(options.levels), options.seeds, options.quick
        field = Field(split.train.n_users, promoting, untargeted, defenses, *asked, examples(split), settings, sorted({*options.accounts}))
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
