"""A planner as `python -m experiments.paper` has one."""

from collections.abc import Iterator
from contextlib import contextmanager

import hydra
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.types import HydraContext, RunMode

from fedrec.campaigns.cells import Planner
from fedrec.config.compose import FOLDER


def two(dataset: str) -> range:
    """Two seeds of every data set."""
    return range(2)


@contextmanager
def planner() -> Iterator[Planner]:
    with hydra.initialize_config_dir(str(FOLDER), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", ["hydra/sweeper=fedrec_optuna", "hydra.sweep.dir=nowhere"], RunMode.MULTIRUN)
        yield Planner(HydraContext(config_loader=loader, callbacks=Callbacks()), config, ["device=cpu"])
