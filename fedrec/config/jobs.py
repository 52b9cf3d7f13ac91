"""The jobs of a sweep over options: all are checked before the first one runs, so that no mistake turns up after hours."""

from pathlib import Path

import hydra
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser

from fedrec.config.compose import FOLDER, search_path


def check_jobs(arguments: list[str]) -> None:
    """Raises what a job of the sweep would raise for its options alone; does nothing for a command line that is no such sweep."""
    known = get_args_parser().parse_args(arguments)
    tunes = any(text.startswith(("hydra/sweeper=", "sweep=")) and text != "sweep=null" for text in known.overrides)  # and checks itself
    if not known.multirun or tunes:
        return
    from fedrec.config.build import check
    from fedrec.config.halves import check_halves
    from fedrec.config.validation import ConfigError

    with hydra.initialize_config_dir(str(FOLDER), version_base="1.3"):
        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        (jobs,) = BasicSweeper.split_arguments(parser.parse_overrides(known.overrides), max_batch_size=None)
        for number, overrides in enumerate(jobs):
            try:
                settings = [*overrides, *search_path(known.config_dir)]
                config = hydra.compose("config", settings)
                check_halves(settings, [Path(known.config_dir or FOLDER), FOLDER])
                check(config)
            except ConfigError as error:
                raise ConfigError(f"{error} (job {number} of the sweep: {' '.join(overrides)})") from None
