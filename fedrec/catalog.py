"""`python -m fedrec.catalog`: the cards of all attacks, defenses, models and data sets, as tables or as JSON."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from rich import box
from rich.console import Console
from rich.table import Table

from fedrec.cli.cards import GROUPS, Card, cards
from fedrec.config.compose import FOLDER, compose
from fedrec.config.validation import did_you_mean


class Parser(argparse.ArgumentParser):
    """A mistake ends in one line, as in `fedrec.main`."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the catalog; exit status."""
    parser = Parser("python -m fedrec.catalog", description="Attacks, defenses, models and data sets.", allow_abbrev=False)
    parser.add_argument("what", nargs="*", metavar="GROUP[=NAME]", help=f"only these ({', '.join(GROUPS)}); with a NAME in full")
    parser.add_argument("--json", action="store_true", help="one document: group -> name -> card")
    parser.add_argument("--config-dir", type=Path, metavar="FOLDER", help="more of them, as for fedrec.main")
    known = parser.parse_args(arguments)
    if known.config_dir and not known.config_dir.is_dir():
        parser.error(f"--config-dir {known.config_dir}: there is no such folder")
    folders, config = [FOLDER, *filter(None, [known.config_dir])], compose()
    catalog = {group: cards(group, folders, config) for group in GROUPS}
    choices = {f"{group}={name}": card for group in GROUPS for name, card in catalog[group].items()}
    if wrong := [what for what in known.what if what not in (*GROUPS, *choices)]:
        parser.error(f"there is no {wrong[0]}{did_you_mean(wrong[:1], [*GROUPS, *choices])}")
    wanted = known.what or GROUPS
    if known.json:
        print(json.dumps(_document(catalog, wanted), indent=2))
        return 0
    console = Console(markup=False, highlight=False, emoji=False)
    for what in wanted:
        if what in GROUPS:
            console.print(_overview(what, catalog[what]))
        else:
            card = choices[what]
            console.print(f"{what}: {card.summary}", *card.facts, *filter(None, [card.target]), sep="\n")
            console.print(_parameters(card) if card.parameters else "")
    return 0


def _document(catalog: dict[str, dict[str, Card]], wanted: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {
        group: {name: asdict(card) for name, card in found.items() if group in wanted or f"{group}={name}" in wanted}
        for group, found in catalog.items()
    }


def _overview(group: str, found: dict[str, Card]) -> Table:
    table = _table(group, "source", "parameter = default (allowed)")
    for name, card in found.items():
        parameters = "\n".join(f"{key} = {parameter}" for key, parameter in card.parameters.items())
        table.add_row(name, "\n".join(card.facts or [card.summary]), parameters)
    return table


def _parameters(card: Card) -> Table:
    table = _table("parameter", "default", "allowed", "meaning")
    for key, parameter in card.parameters.items():
        table.add_row(key, parameter.defaults, parameter.allowed, parameter.meaning)
    return table


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, leading=1)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


if __name__ == "__main__":
    sys.exit(main())
