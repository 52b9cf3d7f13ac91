"""`--help`: Hydra's template, conf/hydra/help/fedrec.yaml, filled in.

Hydra itself would first list every option of every group, twice: longer than all the rest takes, and growing with conf/.
"""

from string import Template

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig

from fedrec.composition import FOLDER, search_path


def usage(arguments: list[str]) -> str | None:
    """The text if the command line asks for it. Raises what Hydra raises if the overrides beside `--help` are wrong."""
    known, _ = get_args_parser().parse_known_intermixed_args(arguments)
    if not known.help:
        return None
    with hydra.initialize_config_dir(str(FOLDER), version_base="1.3"):
        config = hydra.compose("config", [*known.overrides, *search_path(known.config_dir)], return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        return Template(config.hydra.help.template).substitute()
