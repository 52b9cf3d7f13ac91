"""`fedrec.sweep`: the jobs of `python -m fedrec.main -m` in this process, or in those of a launcher of Hydra."""

import uuid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from fedrec.api.arguments_given import Overrides, overrides_of, set_to, with_table
from fedrec.api.kept_data import kept
from fedrec.api.process import alone
from fedrec.api.progress_shown import bars
from fedrec.config.compose import initialized
from fedrec.config.job_list import ONE_BY_ONE, current_job
from fedrec.config.validation import ConfigError
from fedrec.main import explained, job

if TYPE_CHECKING:
    import pandas as pd

_SWEEPER = "hydra_plugins.fedrec_plugins.FedrecBasicSweeper"
_QUIET = ("hydra/job_logging=none", "hydra/hydra_logging=none")  # `logging` stays as the program of the caller has it


def sweep(
    overrides: Overrides,
    *,
    data: "pd.DataFrame | None" = None,
    progress: bool = True,
    folder: str | Path | None = None,
    config_dir: str | Path | None = None,
) -> "pd.DataFrame":
    """Run every combination of options, and return a table with a row for each run, as `fedrec.comparison.reading.read_runs` reads it.

        fedrec.sweep(["attack=pieck_ipe,pieck_uea", "defense=none,ours", "seed=range(3)"])

    Args:
        overrides: As on the command line after `-m`: lists of values, `range(3)`, `glob(*)`, and `hydra/launcher=joblib` for processes.
        data: As in `fedrec.run`. The folder of the sweep keeps it as data.parquet.
        progress: Whether a bar is shown for each job that runs in this process.
        folder: Where the jobs leave their results; by default `multirun/DATE/TIME`, as on the command line.
        config_dir: A folder with configuration files of your own, as `--config-dir`.

    All jobs are checked before the first one runs. If a job fails, the others go on as on the command line. Then its error is raised; it
    names the job and the folder, from which `fedrec.compare` reads the others. Raises ValueError, one line, for bad input.
    """

    def action() -> "pd.DataFrame":
        chosen = overrides_of(overrides, config_dir, "--multirun")
        if data is not None:
            chosen = with_table(chosen, data)
        if folder is not None:
            chosen.append(set_to("hydra.sweep.dir", folder))
        with initialized():
            place = _run_jobs([*chosen, "hydra.mode=MULTIRUN"], data, progress)
        from fedrec.comparison.reading import read_runs
        from fedrec.comparison.sweep_end import STARTED

        return read_runs([place], since=(place / STARTED).stat().st_mtime)  # the folder may hold an earlier sweep

    return alone(action)


def _run_jobs(overrides: list[str], data: "pd.DataFrame | None", progress: bool) -> Path:
    """Run all jobs and return the folder of the sweep."""
    application: Any = GlobalHydra.instance().hydra
    settings = application.compose_config("config", overrides, RunMode.MULTIRUN).hydra
    if settings.sweeper._target_ != _SWEEPER:
        typed = " ".join(text.lstrip("+") for text in overrides[:-1])
        raise ConfigError(f"tuning is for the command line, which can go on with it: python -m fedrec.main -m {typed}")
    place = Path(settings.sweep.dir).absolute()
    given = [set_to("hydra.sweep.dir", place)]
    if data is not None:
        given.append(kept(data, place))
    task = partial(_job, progress and settings.launcher._target_ == ONE_BY_ONE, uuid.uuid4().hex)
    application.multirun("config", task, [*overrides, *given, *_QUIET], with_log_configuration=False)
    return place


def _job(progress: bool, display_id: str, config: DictConfig) -> float:
    """Run a job of the sweep, perhaps in a process of its own. What it raises names the job."""
    settings = HydraConfig.get()
    this = current_job()
    try:
        return job(config, bars(progress, this.title if this else "", display_id, is_shown=settings.job.num > 0))
    except Exception as error:
        line = explained(error)[1]
        overrides = " ".join(text.lstrip("+") for text in settings.overrides.task)
        where = f"job {settings.job.num} of the sweep: {overrides}; the others lie in {settings.sweep.dir}"
        if line is not None:
            raise ConfigError(f"{line} ({where})") from None
        error.add_note(where)
        raise
