"""`--help`: the template conf/hydra/help/fedrec.yaml, filled in. Hydra's own would first list all options of all groups twice."""

import textwrap
from argparse import Namespace
from itertools import zip_longest
from pathlib import Path
from string import Template

import hydra
from hydra.core.global_hydra import GlobalHydra

from fedrec.cli.cards import Card, cards
from fedrec.cli.terminal_width import columns, fitted
from fedrec.config.compose import initialized

GAP = 2  # columns between two columns of options


def usage(flags: Namespace) -> str:
    """Return the text as wide as the terminal. Raises what Hydra raises if the overrides beside `--help` are wrong."""
    with initialized():
        config = hydra.compose("config", flags.overrides, return_hydra_config=True)
        loader, settings = GlobalHydra.instance().config_loader(), config.hydra
        folders = [Path(source.path) for source in settings.runtime.config_sources if source.schema == "file"]
        shown = {}
        for name in (template := Template(settings.help.template)).get_identifiers():
            group = name.removesuffix("_cards")
            names = sorted(loader.get_group_options(group, overrides=list(settings.overrides.hydra)))
            shown[group] = ", ".join(f"{'*' * (name == settings.runtime.choices.get(group))}{name}" for name in names)
            if name != group:
                shown[name] = "\n".join(_compact(f"{group}={choice}", card) for choice, card in cards(group, folders, config).items())
    return fitted("\n\n".join(map(_in_columns, template.substitute(shown).split("\n\n"))))


def _in_columns(paragraph: str) -> str:
    """Return a paragraph with its lines in two columns if it lists options and there is room."""
    heading, *lines = paragraph.splitlines()
    half = (len(lines) + 1) // 2
    left, right = lines[:half], [line.strip() for line in lines[half:]]
    wide = max(map(len, left), default=0) + GAP
    if not heading.startswith("Options") or wide + max(map(len, right)) > columns():
        return paragraph
    return "\n".join([heading, *(f"{one:{wide}}{other}".rstrip() for one, other in zip_longest(left, right, fillvalue=""))])


def _compact(choice: str, card: Card) -> str:
    """Return what `python -m fedrec.catalog` shows of a choice, without the meanings."""
    parameters = "  ".join(f"{key}={parameter}" for key, parameter in card.parameters.items())
    facts = _wrapped(f"  {choice}  {'; '.join(card.facts or [card.summary])}", 4)
    return "\n".join([facts, _wrapped(f"    {parameters}", 6)] if parameters else [facts])


def _wrapped(line: str, indent: int) -> str:
    return "\n".join(textwrap.wrap(line, columns(), subsequent_indent=" " * indent, break_on_hyphens=False))
