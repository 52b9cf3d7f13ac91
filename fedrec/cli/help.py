"""`--help`: Hydra's template, conf/hydra/help/fedrec.yaml, filled in.

Hydra itself would first list every option of every group, twice: longer than all the rest takes, and growing with conf/.
"""

import textwrap
from pathlib import Path
from string import Template

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from fedrec.config.compose import FOLDER, search_path

COLUMNS = 100
INDENT = 44  # where the template lists the options of a group


def usage(arguments: list[str]) -> str | None:
    """The text if the command line asks for it. Raises what Hydra raises if the overrides beside `--help` are wrong."""
    known, _ = get_args_parser().parse_known_intermixed_args(arguments)
    if not known.help:
        return None
    with hydra.initialize_config_dir(str(FOLDER), version_base="1.3"):
        config = hydra.compose("config", [*known.overrides, *search_path(known.config_dir)], return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        return Template(config.hydra.help.template).substitute()


def options(group: str) -> str:
    """Resolver `${options:GROUP}` of the help text: the options of a group, the chosen one marked; lines are wrapped."""
    settings = HydraConfig.get()
    names = GlobalHydra.instance().config_loader().get_group_options(group, overrides=list(settings.overrides.hydra))
    text = ", ".join(f"*{name}" if name == settings.runtime.choices.get(group) else name for name in sorted(names))
    return f"\n{' ' * INDENT}".join(textwrap.wrap(text, COLUMNS - INDENT))


def compact(group: str, *, _root_: DictConfig) -> str:
    """Resolver `${cards:GROUP}` of the help text: what `fedrec.catalog` shows, without the meanings."""
    from fedrec.cli.cards import cards  # not for shell completion, which has to be fast

    folders = [Path(source.path) for source in HydraConfig.get().runtime.config_sources if source.schema == "file"]
    lines = []
    for name, card in cards(group, folders, _root_).items():
        parameters = "  ".join(f"{key}={parameter}" for key, parameter in card.parameters.items())
        for text, indent in ((f"{group}={name}  {'; '.join(card.facts or [card.summary])}", "  "), (parameters, "    ")):
            lines += textwrap.wrap(text, COLUMNS, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False)
    return "\n".join(lines).replace("$", "$$")


OmegaConf.register_new_resolver("options", options, replace=True)
OmegaConf.register_new_resolver("cards", compact, replace=True)
