"""`python -m fedrec.main`: compose the configuration -> check it -> run the experiment -> return the objective.

The exit status is 0 for done, 2 for bad input (one line on stderr), 130 for Ctrl-C, 143 for SIGTERM, and 1 for any other failure, with
its traceback. Nothing heavy is imported before the check, so that `--help` and most mistakes are answered at once.
"""

import io
import logging
import signal
import sys
import traceback
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from hydra._internal.utils import _run_hydra, get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import env_override
from hydra.types import RunMode
from hydra.version import setbase
from omegaconf import DictConfig, OmegaConf

from fedrec.cli import completion
from fedrec.cli.arguments import parse
from fedrec.cli.ending import exit_after
from fedrec.config.compose import FOLDER, VERSION_BASE, initialized, register
from fedrec.config.job_list import current_job
from fedrec.config.run_log import print_line, write_to_file
from fedrec.config.secrets import masked
from fedrec.config.threads import settle_waiting
from fedrec.sweeps.mlflow_runs import TRACKER, require_store

if TYPE_CHECKING:
    import pandas as pd

    from fedrec.experiment import Experiment
    from fedrec.interfaces import Callback


class Stop(BaseException):
    """Carries the exception that caused it past Hydra, which would print around an ordinary one."""


def job(config: DictConfig, callbacks: "Sequence[Callback] | None" = None) -> float:
    """Run the only job, or one of a sweep, and return its objective. A tuning sweep passes callbacks, which may prune the run."""
    return perform(config, callbacks).objective


def perform(config: DictConfig, callbacks: "Sequence[Callback] | None" = None, frame: "pd.DataFrame | None" = None) -> "Experiment":
    """Run a job of Hydra and return what it leaves; callbacks take the place of what a run shows. Raises Stop if the only job fails."""
    from fedrec.config.build import check
    from fedrec.config.validation import ConfigError
    from fedrec.tracking.mlflow.writer_process import start_early

    register()  # a launcher may call this in another process
    settings = HydraConfig.get()
    if callbacks is None and (one := current_job()):
        print_line(one.announcement, sys.stderr)
    if OmegaConf.select(config, "tracking._target_") == TRACKER:
        start_early()  # the tracker's process needs seconds to import MLflow
    try:
        checked = check(config)
        if settings.mode == RunMode.RUN and (sweep := settings.runtime.choices.get("sweep")) is not None:
            raise ConfigError(f"sweep={sweep} runs many jobs: add -m")
        from fedrec.conduct import run

        if settings.mode == RunMode.RUN:
            require_store(config)
        return run(checked, Path(settings.runtime.output_dir), callbacks, frame)
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(f"; what there is lies in {settings.runtime.output_dir}")
        write_to_file("interrupted", logging.WARNING)
        raise
    except Exception as error:
        if callbacks is None:
            _tell_failure(error)
        if settings.mode == RunMode.RUN:
            raise Stop from error
        raise  # the other jobs of a sweep go on


def _tell_failure(error: Exception) -> None:
    """Write to the log of the run why it failed, and say so at once if other jobs of a sweep go on. `main` says the rest at the end."""
    from fedrec.cli.errors import explain

    line = None if type(error) is ValueError else explain(error)
    write_to_file(line or "".join(traceback.format_exception(error)).rstrip(), logging.ERROR)
    if one := current_job():
        reason = line or f"{type(error).__name__}: {' '.join(str(error).split())}; the log in its folder has the traceback"
        print_line(f"{one.title}: failed: {masked(reason)}", sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments of the command line say and return the exit status."""
    signal.signal(signal.SIGTERM, _interrupt)
    settle_waiting()
    try:
        _start(parse(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt as interrupt:
        print(f"interrupted{' by SIGTERM' if interrupt.args else ''}{''.join(getattr(interrupt, '__notes__', ()))}", file=sys.stderr)
        return 128 + (interrupt.args[0] if interrupt.args else signal.SIGINT)
    except BrokenPipeError:  # nobody reads what is printed
        raise
    except (Stop, Exception) as error:
        from fedrec.cli.errors import show

        return show(*explained(error))
    return 0


def explained(error: BaseException) -> tuple[BaseException, str | None]:
    """Return what has really failed, and why in one line if it was bad input.

    A run reports bad input in a ConfigError. A bare ValueError is a mistake in the code, perhaps in a plug-in.
    """
    from fedrec.cli.errors import explain

    failure = error.__cause__ or error if isinstance(error, Stop) else error
    return failure, None if isinstance(error, Stop) and type(failure) is ValueError else explain(failure)


def _start(flags: Namespace) -> None:
    """Print what is asked for, or run the job, or the jobs of a sweep."""
    if flags.help:
        from fedrec.cli.help import usage

        print(usage(flags))
    elif text := completion.script(flags):
        print(text)
    elif {flag for flag, value in vars(flags).items() if value} - {"overrides", "run", "multirun", "config_path", "config_name"}:
        register()
        setbase(VERSION_BASE)
        is_shown = flags.cfg or flags.info
        try:
            with env_override({"HYDRA_FULL_ERROR": "1"}), _masked_output() if is_shown else nullcontext():  # Hydra leaves exceptions to us
                _run_hydra(flags, get_args_parser(), job, str(FOLDER), "config")
        except SystemExit:
            raise SystemExit(2) from None  # Hydra has said that there is no such --package
    else:  # as `hydra.main` would, which composes once more to learn the mode
        overrides = [*flags.overrides, f"hydra.mode={'MULTIRUN' if flags.multirun else 'RUN'}"]
        with initialized(folder=flags.config_path or str(FOLDER)):
            application: Any = GlobalHydra.instance().hydra
            (application.multirun if flags.multirun else application.run)(flags.config_name or "config", job, overrides)


@contextmanager
def _masked_output() -> Iterator[None]:
    """Print at the end what is printed meanwhile, without passwords."""
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            yield
    finally:
        print(masked(printed.getvalue()), end="")


def _interrupt(number: int, frame: FrameType | None) -> None:
    """End a run as Ctrl-C does, once: schedulers repeat SIGTERM while results are being saved."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt(number)


if __name__ == "__main__":
    exit_after(main)
