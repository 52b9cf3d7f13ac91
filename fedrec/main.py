"""`python -m fedrec.main`: compose the configuration -> check it -> run the experiment -> return the objective.

Exit status: 0 done, 2 bad input (one line on stderr), 130 Ctrl-C, 143 SIGTERM, 1 any other failure (traceback).
Nothing heavy is imported before the check, so `--help` answers at once.
"""

import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from fedrec.cli import completion
from fedrec.cli.arguments import arrange
from fedrec.cli.help import usage
from fedrec.config.compose import FOLDER
from fedrec.config.jobs import check_jobs
from fedrec.sweeps.mlflow_runs import TRACKER

if TYPE_CHECKING:
    from fedrec.interfaces import Callback


class Stop(BaseException):
    """Takes the exception that is its cause past Hydra, which would print around it."""


@hydra.main(version_base="1.3", config_path=str(FOLDER), config_name="config")
def job(config: DictConfig, callback: "Callback | None" = None) -> float:
    """One run of a sweep, or the only one. A tuning sweep watches its runs, and may prune them."""
    from fedrec.config.build import check
    from fedrec.config.halves import check_choices
    from fedrec.config.validation import ConfigError
    from fedrec.tracking.mlflow.writer_process import start_early

    if OmegaConf.select(config, "tracking._target_") == TRACKER:
        start_early()  # it takes seconds to import MLflow
    try:
        settings = HydraConfig.get()
        check_choices(settings)
        check(config)
        if settings.mode == RunMode.RUN and (sweep := settings.runtime.choices["sweep"]) is not None:
            raise ConfigError(f"sweep={sweep} runs many jobs: add -m")
        from fedrec.experiment import run

        return run(config, Path(HydraConfig.get().runtime.output_dir), callback)
    except Exception as error:
        if HydraConfig.get().mode == RunMode.RUN:
            raise Stop from error
        raise  # the other jobs of a sweep go on


def main() -> int:
    """Exit status of the command line in `sys.argv`."""
    signal.signal(signal.SIGTERM, _interrupt)
    full_error = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then leaves exceptions to us
    try:
        if text := completion.script(sys.argv[1:]) or usage(sys.argv[1:]):
            print(text)
        else:
            sys.argv[1:] = arrange(sys.argv[1:])
            check_jobs(sys.argv[1:])
            job()
    except KeyboardInterrupt as interrupt:
        where = f"; what there is lies in {HydraConfig.get().runtime.output_dir}" if HydraConfig.initialized() else ""
        print(f"interrupted{' by SIGTERM' if interrupt.args else ''}{where}", file=sys.stderr)
        return 128 + (interrupt.args[0] if interrupt.args else signal.SIGINT)
    except Stop as stop:
        failure = stop.__cause__ or stop
        # What is wrong with the input, a run says in a ConfigError: a bare ValueError is a mistake in the code, perhaps a plug-in's.
        return _report(failure, full_error, known=type(failure) is not ValueError)
    except Exception as error:
        return _report(error, full_error)
    return 0


def _report(failure: BaseException, full_error: bool, known: bool = True) -> int:
    from fedrec.cli.errors import explain

    line = explain(failure) if known else None
    if full_error or line is None:
        traceback.print_exception(failure)
    if line is None:
        return 1
    print(f"error: {line}", file=sys.stderr)
    return 2


def _interrupt(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends a run like Ctrl-C, once: schedulers repeat it while results are being saved."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt(number)


if __name__ == "__main__":
    sys.exit(main())
