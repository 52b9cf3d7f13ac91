"""A sweep over options: all jobs are checked before the first one runs, so that no mistake turns up after hours."""

from collections.abc import Sequence
from itertools import chain

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper


class CheckingSweeper(BasicSweeper):
    """Hydra's sweeper over every combination of options, which also checks what it composes."""

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Compose and check the jobs of all batches before the first batch runs. Raises ConfigError, which names the job."""
        from fedrec.config.build import check  # not while Hydra searches for plug-ins, which `--help` waits for
        from fedrec.config.validation import ConfigError

        assert self.hydra_context and self.config and self.overrides
        if self.batch_index > 1:
            return
        for number, overrides in enumerate(chain.from_iterable(self.overrides)):
            config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
            try:
                check(config)
            except ConfigError as error:
                raise ConfigError(f"{error} (job {number} of the sweep: {' '.join(text.lstrip('+') for text in overrides)})") from None
