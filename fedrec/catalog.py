"""`python -m fedrec.catalog`: the cards of all attacks, defenses, models and data sets, as tables or as JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich import box
from rich.console import Console, Group
from rich.table import Column, Table

from fedrec.cli.cards import GROUPS, Card, cards
from fedrec.cli.ending import exit_after
from fedrec.cli.parser import Parser
from fedrec.config.compose import FOLDER, compose
from fedrec.config.validation import did_you_mean


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the catalog and return the exit status."""
    parser = Parser("python -m fedrec.catalog", description="Attacks, defenses, models and data sets.", allow_abbrev=False)
    parser.add_argument("what", nargs="*", metavar="GROUP[=NAME]", help=f"only these ({', '.join(GROUPS)}); with a NAME in full")
    parser.add_argument("--json", action="store_true", help="one document: group -> name -> card")
    parser.add_argument("--config-dir", type=Path, metavar="FOLDER", help="a folder with more of them, as for fedrec.main")
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
        chosen = {
            group: {name: asdict(card) for name, card in found.items() if group in wanted or f"{group}={name}" in wanted}
            for group, found in catalog.items()
        }
        print(json.dumps(chosen, indent=2))
        return 0
    console = Console(markup=False, highlight=False, emoji=False)
    for what in wanted:
        console.print(_overview(what, catalog[what]) if what in GROUPS else _in_full(what, choices[what]))
    return 0


def _overview(group: str, found: Mapping[str, Card]) -> Table:
    parameters = {name: "\n".join(f"{key} = {one}" for key, one in card.parameters.items()) for name, card in found.items()}
    rows = [(name, "\n".join(card.facts or [card.summary]), parameters[name]) for name, card in found.items()]
    return _table([group, "source", "parameter = default (allowed)"], rows)


def _in_full(choice: str, card: Card) -> Group:
    rows = [(key, one.defaults, one.allowed, one.meaning) for key, one in card.parameters.items()]
    lines = [f"{choice}: {card.summary}", *card.facts, *filter(None, [card.target])]
    return Group(*lines, _table(["parameter", "default", "allowed", "meaning"], rows) if rows else "")


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    table = Table(*(Column(heading, overflow="fold") for heading in headings), box=box.SIMPLE_HEAD, leading=1)
    for row in rows:
        table.add_row(*row)
    return table


if __name__ == "__main__":
    exit_after(main)
