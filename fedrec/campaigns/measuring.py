"""Measures cells through a launcher of Hydra: each of its workers takes the next cell that nobody has taken yet."""

import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict

from fedrec.campaigns.cells import Cell, Planner
from fedrec.campaigns.store import CELL, KEY, RESULT, Store, attributes, cell_of, value_of
from fedrec.conduct import run
from fedrec.config.build import check
from fedrec.config.secrets import masked
from fedrec.config.validation import ConfigError
from fedrec.federation.system import TrainingDiverged
from fedrec.interfaces import Callback, RunInfo
from fedrec.sweeps.devices import use_own_device
from fedrec.sweeps.hydra_jobs import run_single
from fedrec.sweeps.launching import settle_launcher, work
from fedrec.sweeps.mlflow_runs import TRACKER, require_store
from fedrec.sweeps.worker import import_all
from fedrec.tracking.mlflow.writer_process import start_early

if TYPE_CHECKING:
    from optuna.trial import Trial

_PAUSE = 0.5  # seconds between two looks at what other workers do


class Recorder(Callback):
    """Keeps of a run what the campaign stores."""

    keeps_diverged: ClassVar[bool] = False  # whether a run whose training diverges is measured; its result then has `diverged`, the reason
    result: dict[str, Any]  # complete once the run has ended; ER@10 of the best epoch is in ["best"]["ER@10"]

    def on_run_start(self, info: RunInfo) -> None:
        """Raises ConfigError if a metric has no value in this run: a table could not show it."""
        for name, reason in info.undefined.items():
            raise ConfigError(f"{name} is undefined: {reason}")


@dataclass
class Measurer:
    """What each worker runs; a launcher calls it with the configuration of its job."""

    planner: Planner
    store: Store
    cells: Sequence[Cell]  # in the order in which they are measured
    sharing: Mapping[str, Sequence[str]]  # key -> the experiments that the run belongs to
    make_record: Callable[[], Recorder]

    def __call__(self, config: DictConfig) -> None:
        import_all()
        use_own_device(config.get("device", "cpu"))
        while True:
            if (trial := self.store.study.claim()) is not None:
                self._measure(trial)
            elif (cell := self._next()) is not None:
                self.store.study.queue([attributes(cell)])
            elif self.store.study.is_complete:
                return
            else:
                time.sleep(_PAUSE)  # another worker may die, and its cell is then measured again

    def _next(self) -> Cell | None:
        taken = {trial.user_attrs[KEY] for trial in self.store.study.trials()}
        return next((cell for cell in self.cells if cell.key not in taken), None)

    def _measure(self, trial: "Trial") -> None:
        """Run one cell. If it fails, the store is told why, and the worker goes on with the next cell."""
        cell, record = cell_of(trial.user_attrs[CELL]), self.make_record()
        try:
            with self.store.study.running(trial):
                run_single(partial(_run, record), self._configuration(cell), self.planner.context, f"runs/{cell.key}", trial.number)
                trial.set_user_attr(RESULT, record.result)
                self.store.study.tell(trial, [value_of(record.result)])
        except ConfigError:
            pass  # the store has its message
        except Exception:
            print(masked(traceback.format_exc()), end="", file=sys.stderr)

    def _configuration(self, cell: Cell) -> DictConfig:
        """Return the configuration of a cell's run. Raises ConfigError if options, code or data have changed since it was queued."""
        config = self.planner.compose(cell.experiment, cell.point)
        if self.planner.identify(config, cell.seed)[2] != cell.key:
            raise ConfigError("options, code or data have changed since this run was queued")
        with open_dict(config):
            config.seed, config.reference = cell.seed, None  # the run without the attack is a cell of its own
            if config.tracking.get("_target_") == TRACKER:
                start_early()  # the tracker's process needs seconds to import MLflow
                tags = {"experiments": " ".join(self.sharing.get(cell.key, [cell.experiment]))}
                told = {"experiment": cell.experiment, "run_name": cell.title, "every_round": False, "tags": tags}
                OmegaConf.update(config, "tracking", told)
        return config


def _run(record: Recorder, config: DictConfig) -> None:
    try:
        run(check(config), Path(HydraConfig.get().runtime.output_dir), [record])
    except TrainingDiverged as error:
        if not record.keeps_diverged:
            raise
        record.result["diverged"] = str(error)


def measure(measurer: Measurer, workers: int) -> None:
    """Measure all cells of the measurer, each once. Cells that fail stay unmeasured.

    Raises ConfigError if MLflow does not take runs, and a launcher's error if it starts no worker.
    """
    study, config = measurer.store.study, measurer.planner.config
    require_store(config)

    def is_complete() -> bool:
        tried = {trial.user_attrs[KEY] for trial in study.counted()}
        return study.is_complete and all(cell.key in tried for cell in measurer.cells)

    OmegaConf.update(config, "hydra.sweeper.n_jobs", workers)
    settle_launcher(config)
    work(measurer, measurer.planner.context, config, [], is_complete, lambda: len(study.counted()))
