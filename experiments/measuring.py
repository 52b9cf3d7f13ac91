"""Measures cells: what a launcher runs, in as many processes as there are workers. Each takes the next cell that nobody has."""

import os
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

from experiments.cells import Cell
from experiments.recording import Record
from experiments.store import EXPERIMENT, KEY, OVERRIDES, RESULT, TITLE, Address, Store, attributes
from fedrec.options import ConfigError
from fedrec.sweeps.composer import Composer
from fedrec.sweeps.devices import use_own_device
from fedrec.sweeps.mlflow_runs import TRACKER
from fedrec.sweeps.single_job import run_single
from fedrec.sweeps.worker import import_all

if TYPE_CHECKING:
    from optuna.trial import Trial

_PAUSE = 0.5  # seconds between two looks at what others do


@dataclass
class Measurer:
    """Called by a launcher with the configuration of its job."""

    context: HydraContext
    config: DictConfig  # as the launcher got it
    arguments: Sequence[str]  # overrides that all runs have in common
    address: Address
    cells: Sequence[Cell]  # in the order in which they shall be measured
    process: int  # that started it

    def __call__(self, config: DictConfig) -> None:
        import_all()
        use_own_device(config.get("device", "cpu"))
        store = self.address.open()
        composer = Composer(self.context, self.config)
        is_child = os.getppid() == self.process
        while not is_child or os.getppid() == self.process:  # who started it may be killed
            if (trial := store.study.claim(lambda trial: None)) is not None:
                self._measure(store, composer, trial)
            elif (cell := self._next(store)) is not None:
                store.study.queue([attributes(cell)])
            elif store.study.is_complete:
                return
            else:
                time.sleep(_PAUSE)  # others may die

    def _next(self, store: Store) -> Cell | None:
        taken = {trial.user_attrs[KEY] for trial in store.study.trials()}
        return next((cell for cell in self.cells if cell.key not in taken), None)

    def _measure(self, store: Store, composer: Composer, trial: "Trial") -> None:
        """A cell that fails is told so, and the others go on."""
        told, record = trial.user_attrs, Record()
        try:
            with store.study.running(trial):
                experiment, *values = told[OVERRIDES]
                config = composer.compose([experiment, *self.arguments], values)
                if config.tracking.get("_target_") == TRACKER:
                    OmegaConf.update(config, "tracking", {"experiment": told[EXPERIMENT], "run_name": told[TITLE], "every_round": False})
                run_single(partial(_job(), watch=record), config, composer.context, f"runs/{told[KEY]}", trial.number)
                trial.set_user_attr(RESULT, record.result)
                store.study.tell(trial, [record.result["best"]["ER@10"]])
        except ConfigError:
            pass  # the store has it
        except Exception:
            traceback.print_exc()


def _job() -> Callable[..., Any]:
    """One run of `python -m fedrec.main`, without Hydra around it."""
    from fedrec.main import job

    task: Callable[..., Any] = job.__wrapped__
    return task
