"""A sweep over options: all jobs are checked before the first one runs, so that no mistake turns up after hours."""

import math
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict
from pydantic import Field

from fedrec.config.earlier_runs import Durations, earlier_runs
from fedrec.config.job_list import JobList, counted, in_words, varying
from fedrec.config.launchers import check_launcher
from fedrec.config.overrides import MOST_JOBS, check_override
from fedrec.config.validation import ConfigError, convert


class CheckingSweeper(BasicSweeper):
    """Hydra's sweeper over every combination of options, which also checks its own options and what it composes."""

    def __init__(self, max_batch_size: Any, params: Any = None) -> None:
        """Raises ConfigError if an option of the sweeper is of a wrong type or out of range."""
        size = convert("hydra.sweeper.max_batch_size", max_batch_size, Annotated[int, Field(ge=1)] | None)
        plain = OmegaConf.to_container(params) if OmegaConf.is_config(params) else params
        super().__init__(size, convert("hydra.sweeper.params", plain, dict[str, Any] | None))

    def setup(self, *, config: DictConfig, **named: Any) -> None:
        """Take what Hydra knows of the application. Raises ConfigError if the launcher cannot work on this machine."""
        check_launcher(config)
        super().setup(config=config, **named)

    @property
    def is_quiet(self) -> bool:
        """Whether nobody wants to read about the sweep, as fedrec.sweep says."""
        return self.config is not None and self.config.hydra.runtime.choices.get("hydra/hydra_logging") == "none"

    @staticmethod
    def split_arguments(overrides: list[Override], max_batch_size: int | None) -> list[list[list[str]]]:
        """Return the jobs of each batch. Raises ConfigError if an override is wrong, has no list of values, or there are too many jobs."""
        for override in overrides:
            check_override(override)
            if override.is_interval_sweep():
                raise ConfigError(
                    f"{override.input_line}: an interval is for tuning; add sweep=NAME or hydra/sweeper=fedrec_optuna, or list values"
                )
        lengths = {one.input_line: sum(1 for _ in one.sweep_iterator()) for one in overrides if one.is_sweep_override()}
        if empty := [text for text, length in lengths.items() if not length]:
            raise ConfigError(f"{empty[0]}: it is empty, so there is no job to run")
        if (jobs := math.prod(lengths.values())) > MOST_JOBS:
            raise ConfigError(f"{jobs} jobs: a sweep has at most {MOST_JOBS}")
        return BasicSweeper.split_arguments(overrides, max_batch_size)

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Compose, check and announce the jobs of all batches before the first batch runs. Raises ConfigError, which names the job."""
        from fedrec.config.build import check  # not while Hydra searches for plug-ins, which `--help` waits for

        assert self.hydra_context and self.config and self.overrides
        if self.batch_index > 1:
            return
        folders: dict[str, int] = {}  # -> the job whose folder it is
        jobs, checked = list(chain.from_iterable(self.overrides)), []
        for number, overrides in enumerate(jobs):
            config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
            try:
                checked.append(check(config).config)
            except ConfigError as error:
                raise ConfigError(f"{error} (job {number} of the sweep: {' '.join(text.lstrip('+') for text in overrides)})") from None
            folder = _folder(config, number)
            if (other := folders.setdefault(folder, number)) != number:
                raise ConfigError(f"hydra.sweep.subdir={folder}: jobs {other} and {number} would write to the same folder")
        self._announce(jobs, checked, list(folders))

    def _announce(self, jobs: Sequence[Sequence[str]], configs: Sequence[DictConfig], folders: Sequence[str]) -> None:
        """Say what the sweep will do, where its results will lie, and how long it will take if runs like these have ended here before."""
        from fedrec.config.choices import names

        assert self.config
        folder, varies = Path(self.config.hydra.sweep.dir), varying(jobs)
        JobList(time.time(), folders, [in_words(job, varies) for job in jobs]).write(folder)
        if self.is_quiet:
            return
        durations = Durations(earlier_runs(Path()))
        resolved = [_resolved(config) for config in configs]
        seconds = [durations.seconds(config) for config in resolved]
        known = [one for one in seconds if one is not None]
        took = f"about {timedelta(seconds=round(sum(known)))} of training, one job after the other, by earlier runs here"
        lines = (
            counted(len(jobs), varies, names({**resolved[0], "choices": self.config.hydra.runtime.choices})["dataset"]),
            f"time: {took if len(known) == len(jobs) else 'known when the first job is over'}",
            f"folders: {folder}",
        )
        print(*lines, sep="\n", file=sys.stderr, flush=True)


def _resolved(config: DictConfig) -> Any:
    """Return the options of a job without Hydra's own, some of which only a launcher sets."""
    return OmegaConf.to_container(OmegaConf.masked_copy(config, [str(name) for name in config if name != "hydra"]), resolve=True)


def _folder(config: DictConfig, number: int) -> str:
    """Return the folder of a job, which may refer to what a launcher sets: to its number, and to Hydra's configuration of the job."""
    with open_dict(config):
        config.hydra.job.num, config.hydra.job.id = number, str(number)
    of_job = HydraConfig.instance()
    before = of_job.cfg
    try:
        of_job.set_config(config)
        return str(config.hydra.sweep.subdir)
    finally:
        of_job.cfg = before
