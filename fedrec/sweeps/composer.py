"""Configurations of many jobs that differ in little: composing one from its files takes as long as dozens of rounds."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf


@dataclass
class Composer:
    """Reads the files anew only for another choice of a group; values are set in a copy, as Hydra sets them after composing."""

    context: HydraContext
    config: DictConfig  # of the sweep
    _bases: dict[tuple[str, ...], DictConfig] = field(default_factory=dict, init=False)

    def compose(self, arguments: Sequence[str], overrides: Sequence[str]) -> DictConfig:
        """What Hydra composes of the arguments of a command line and a trial's overrides, with its node `hydra`."""
        loader = self.context.config_loader
        values = [text for text in overrides if "." in text.partition("=")[0]]
        choices = (*arguments, *(text for text in overrides if text not in values))
        if choices not in self._bases:
            self._bases[choices] = loader.load_sweep_config(self.config, list(choices))
        config = copy.deepcopy(self._bases[choices])
        for override in OverridesParser.create(config_loader=loader).parse_overrides(values):
            OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
        config.hydra.overrides.task.extend(values)
        return config
