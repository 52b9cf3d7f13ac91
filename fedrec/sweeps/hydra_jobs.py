"""Jobs of Hydra inside this process: composing their configurations quickly, and running each in a folder of its own."""

import copy
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus, run_job
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict


@dataclass
class Composer:
    """Composes the configurations of many jobs. It reads the files, which takes long, once for each choice of groups."""

    context: HydraContext
    config: DictConfig  # of the sweep
    _bases: dict[tuple[str, ...], Callable[[], DictConfig]] = field(default_factory=dict, init=False)  # choices -> what the files say

    def compose(self, arguments: Sequence[str], overrides: Sequence[str]) -> DictConfig:
        """Return what Hydra composes from a command line's arguments and a trial's overrides, with its node `hydra`."""
        loader = self.context.config_loader
        values = [text for text in overrides if "." in text.partition("=")[0]]
        choices = (*arguments, *(text for text in overrides if text not in values))
        if choices not in self._bases:
            self._bases[choices] = _copies(loader.load_sweep_config(self.config, list(choices)))
        config = self._bases[choices]()
        # values are set in a copy, as Hydra sets them after it has read the files
        for override in OverridesParser.create(config_loader=loader).parse_overrides(values):
            OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
        config.hydra.overrides.task.extend(values)
        return config


def run_single(task: Callable[[DictConfig], Any], config: DictConfig, context: HydraContext, folder: str, number: int) -> Any:
    """Run a composed configuration as Hydra's job `number` in `folder` below the sweep's. Return or raise what `task` does."""
    with open_dict(config):
        config.hydra.sweep.subdir = folder
        config.hydra.job.id, config.hydra.job.num = folder, number
    return value_of(run_job(task, config, "hydra.sweep.dir", "hydra.sweep.subdir", context, configure_logging=False))


def value_of(ended: JobReturn) -> Any:
    """Return what a job returned, or raise what it raised. Unlike Hydra's `return_value` it prints nothing."""
    if ended.status == JobStatus.FAILED:
        raise ended._return_value
    return ended.return_value


def _copies(config: DictConfig) -> Callable[[], DictConfig]:
    """Return what makes copies of a configuration. From bytes they are made twenty times as fast, but pickle does not find every class."""
    try:
        return partial(pickle.loads, pickle.dumps(config))
    except (pickle.PicklingError, AttributeError, TypeError):
        return partial(copy.deepcopy, config)
