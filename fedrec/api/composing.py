"""`fedrec.compose`: the configuration of a run, to look at, to change or to run."""

from pathlib import Path

import hydra
from omegaconf import DictConfig

from fedrec.api.arguments_given import Overrides, overrides_of
from fedrec.api.process import in_one_line
from fedrec.config.compose import initialized


def compose(*overrides: Overrides, config_dir: str | Path | None = None) -> DictConfig:
    """Return the configuration that `fedrec.run` would run with.

        fedrec.compose("attack=pieck_uea defense=ours")
        fedrec.compose("attack=pieck_uea", "attack.N=20")
        fedrec.compose(["attack=pieck_uea", "attack.N=20"])

    Args:
        overrides: As on the command line: a text each, or a list of texts, or one text that holds several.
        config_dir: A folder with configuration files of your own, as `--config-dir`.

    Raises ValueError in one line, the same as on the command line, for bad input.
    """
    try:
        chosen = overrides_of(overrides[0] if len(overrides) == 1 else overrides, config_dir)  # type: ignore[arg-type]
        with initialized():
            return hydra.compose("config", chosen)
    except Exception as error:
        raised = in_one_line(error)
    raise raised
