"""A sweep over options: all jobs are checked before the first one runs, so that no mistake turns up after hours."""

from collections.abc import Sequence
from itertools import chain
from typing import Annotated, Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, open_dict
from pydantic import Field

from fedrec.config.launchers import check_launcher
from fedrec.config.validation import ConfigError, convert


class CheckingSweeper(BasicSweeper):
    """Hydra's sweeper over every combination of options, which also checks what it composes."""

    def setup(self, *, config: DictConfig, **named: Any) -> None:
        """Take what Hydra knows of the application. Raises ConfigError if the sweeper's own options or the launcher cannot be."""
        convert("hydra.sweeper.max_batch_size", self.max_batch_size, Annotated[int, Field(ge=1)] | None)
        check_launcher(config)
        super().setup(config=config, **named)

    @staticmethod
    def split_arguments(overrides: list[Override], max_batch_size: int | None) -> list[list[list[str]]]:
        """Return the jobs in batches, as Hydra does. Raises ConfigError, which names the option, if it has no values to try."""
        for override in overrides:
            if override.is_sweep_override() and not override.is_discrete_sweep():
                raise ConfigError(f"{override.input_line}: an interval is for a tuning sweep (sweep=NAME); take A,B or range(START,STOP)")
            if override.is_sweep_override() and next(override.sweep_string_iterator(), None) is None:
                raise ConfigError(f"{override.input_line}: it is empty, so there is no job to run")
        return BasicSweeper.split_arguments(overrides, max_batch_size)

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Compose and check the jobs of all batches before the first batch runs. Raises ConfigError, which names the job."""
        from fedrec.config.build import check  # not while Hydra searches for plug-ins, which completion waits for

        assert self.hydra_context and self.config and self.overrides
        if self.batch_index > 1:
            return
        folders: dict[str, int] = {}  # -> the job whose folder it is
        for number, overrides in enumerate(chain.from_iterable(self.overrides)):
            config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
            try:
                check(config)
            except ConfigError as error:
                raise ConfigError(f"{error} (job {number} of the sweep: {' '.join(text.lstrip('+') for text in overrides)})") from None
            with open_dict(config):
                config.hydra.job.num, config.hydra.job.id = number, str(number)  # as a launcher sets them
            if (other := folders.setdefault(str(config.hydra.sweep.subdir), number)) != number:
                raise ConfigError(
                    f"hydra.sweep.subdir={config.hydra.sweep.subdir}: jobs {other} and {number} would write to the same folder"
                )
