"""Measures cells: what a launcher runs, in as many processes as there are workers. Each takes the next cell that nobody has."""

import os
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict

from fedrec.campaigns.cells import Cell, Planner
from fedrec.campaigns.recording import Record
from fedrec.campaigns.store import KEY, RESULT, Address, Store, attributes, cell_of
from fedrec.config.validation import ConfigError
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
    sharing: Mapping[str, Sequence[str]]  # key -> the experiments that a run belongs to
    process: int  # that started it

    def __call__(self, config: DictConfig) -> None:
        import_all()
        use_own_device(config.get("device", "cpu"))
        store = self.address.open()
        planner = Planner(self.context, self.config, self.arguments)
        is_child = os.getppid() == self.process
        while not is_child or os.getppid() == self.process:  # who started it may be killed
            if (trial := store.study.claim(lambda trial: None)) is not None:
                self._measure(store, planner, trial)
            elif (cell := self._next(store)) is not None:
                store.study.queue([attributes(cell)])
            elif store.study.is_complete:
                return
            else:
                time.sleep(_PAUSE)  # others may die

    def _next(self, store: Store) -> Cell | None:
        taken = {trial.user_attrs[KEY] for trial in store.study.trials()}
        return next((cell for cell in self.cells if cell.key not in taken), None)

    def _measure(self, store: Store, planner: Planner, trial: "Trial") -> None:
        """A cell that fails is told so, and the others go on."""
        cell, record = cell_of(trial), Record()
        try:
            with store.study.running(trial):
                config = planner.compose(cell.experiment, cell.point)
                if planner.identify(config, cell.seed)[2] != cell.key:
                    raise ConfigError("options, code or data are others now than when this run was queued")
                with open_dict(config):
                    config.seed = cell.seed
                    if config.tracking.get("_target_") == TRACKER:
                        shared = " ".join(self.sharing.get(cell.key, [cell.experiment]))
                        told = {
                            "experiment": cell.experiment,
                            "run_name": cell.title,
                            "every_round": False,
                            "tags": {"experiments": shared},
                        }
                        OmegaConf.update(config, "tracking", told)
                run_single(partial(_job(), callback=record), config, planner.context, f"runs/{cell.key}", trial.number)
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
