"""`--help`: the template conf/hydra/help/fedrec.yaml, filled in.

Hydra's own `--help` would first list every option of every group twice, which takes longer than all the rest.
"""

import textwrap
from argparse import Namespace
from pathlib import Path
from string import Template

import hydra
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from fedrec.cli.arguments import search_path
from fedrec.cli.cards import GROUPS, cards
from fedrec.config.compose import initialized

COLUMNS = 80
INDENT = 14  # of the lines that continue the choices of a group


def usage(flags: Namespace) -> str:
    """Return the text. Raises what Hydra raises if the overrides beside `--help` are wrong."""
    with initialized():
        overrides = [*flags.overrides, *search_path(flags.config_dir)]
        config = hydra.compose("config", overrides, return_hydra_config=True)
        template = Template(config.hydra.help.template)
        shown = {name: _choices(name, config) for name in template.get_identifiers() if not name.endswith("_cards")}
    folders = [Path(source.path) for source in config.hydra.runtime.config_sources if source.schema == "file"]
    shown |= {f"{group}_cards": _compact(group, folders, config) for group in GROUPS}
    return "\n".join(_wrapped(line, " " * INDENT) for line in template.substitute(shown).splitlines())


def _choices(group: str, config: DictConfig) -> str:
    """Return the names of a group's choices with a star before the chosen one."""
    names = GlobalHydra.instance().config_loader().get_group_options(group, overrides=list(config.hydra.overrides.hydra))
    return ", ".join(f"*{name}" if name == config.hydra.runtime.choices.get(group) else name for name in sorted(names))


def _compact(group: str, folders: list[Path], config: DictConfig) -> str:
    """Return what `python -m fedrec.catalog` shows of a group, without the meanings."""
    lines = []
    for name, card in cards(group, folders, config).items():
        lines.append(_wrapped(f"  {group}={name}  {'; '.join(card.facts or [card.summary])}", " " * 4))
        if card.parameters:
            lines.append(_wrapped("    " + "  ".join(f"{key}={parameter}" for key, parameter in card.parameters.items()), " " * 6))
    return "\n".join(lines)


def _wrapped(line: str, indent: str) -> str:
    return "\n".join(textwrap.wrap(line, COLUMNS, subsequent_indent=indent, break_on_hyphens=False))
