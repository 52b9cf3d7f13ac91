"""`fedrec.run`: one run in this process, with the defaults and the results of `python -m fedrec.main`."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import run_job
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from fedrec.api.arguments_given import Overrides, configuration, name_data, overrides_of, set_to, with_table
from fedrec.api.process import alone
from fedrec.api.progress_shown import bars
from fedrec.config.compose import initialized
from fedrec.config.validation import ConfigError
from fedrec.main import perform
from fedrec.sweeps.hydra_jobs import value_of

if TYPE_CHECKING:
    import pandas as pd

    from fedrec.experiment import Experiment
    from fedrec.interfaces import Callback
    from fedrec.saved_runs.result import Result


def run(
    overrides: Overrides | DictConfig = (),
    *,
    data: "pd.DataFrame | None" = None,
    callbacks: "Sequence[Callback]" = (),
    progress: bool = True,
    folder: str | Path | None = None,
    config_dir: str | Path | None = None,
) -> "Result":
    """Run one experiment and return what it has left. It prints nothing but a progress bar, and a line if MLflow keeps it waiting.

        fedrec.run("attack=pieck_uea defense=ours seed=1")
        fedrec.run(["attack=pieck_uea", "attack.N=20"], data=frame)
        fedrec.run(fedrec.compose("attack=pieck_uea"))

    Args:
        overrides: As on the command line, in a list or in one text; or a composed configuration.
        data: A row for each interaction. It takes the place of the file of `dataset=table`, whose options choose the columns.
        callbacks: They are told what happens. One that raises `fedrec.interfaces.Pruned` ends the run, whose status is PRUNED then.
        progress: Whether a bar is shown, in a notebook or on a terminal. Nothing is shown in a pipe.
        folder: Where the run leaves its results; by default `outputs/DATE/TIME`, as on the command line.
        config_dir: A folder with configuration files of your own, as `--config-dir`.

    Raises ValueError in one line, the same as on the command line, for bad input. What a callback raises ends the run as FAILED, and
    Ctrl-C ends it as KILLED; both are raised when its results are saved.
    """

    def action() -> "Result":
        given, chosen = (overrides, []) if isinstance(overrides, DictConfig) else (None, overrides_of(overrides, config_dir))
        if given is not None and config_dir is not None:
            raise ConfigError("config_dir is for overrides: a composed configuration holds what its files say")
        if data is not None:
            chosen = with_table(chosen, data)
        if folder is not None:
            chosen.append(set_to("hydra.run.dir", folder))
        with initialized():
            config = configuration(chosen, given)  # most mistakes are found here, before torch is imported
            if data is not None:
                name_data(config, data)
            ended = as_job(partial(perform, callbacks=(*bars(progress), *callbacks), frame=data), config)
        from fedrec.saved_runs.result import Result

        return Result.of(ended)

    if callbacks != ():
        _require_callbacks(callbacks)
    return alone(action, callbacks)


def _require_callbacks(callbacks: object) -> None:
    """Raise ConfigError if what is given is no list of callbacks."""
    from fedrec.interfaces import Callback

    if not isinstance(callbacks, list | tuple) or not all(isinstance(one, Callback) for one in callbacks):
        raise ConfigError(f"callbacks must be a list of objects of fedrec.interfaces.Callback, not {callbacks!r}")


def as_job(task: TaskFunction, config: DictConfig, configures_logging: bool = False) -> "Experiment":
    """Run the only job as Hydra does. `logging` stays as it is, unless the process is that of the run alone."""
    context = HydraContext(GlobalHydra.instance().config_loader(), Callbacks(config))
    context.callbacks.on_run_start(config=config, config_name="config")
    ended = run_job(task, config, "hydra.run.dir", None, context, configure_logging=configures_logging)
    context.callbacks.on_run_end(config=config, config_name="config", job_return=ended)
    experiment: Experiment = value_of(ended)
    return experiment
