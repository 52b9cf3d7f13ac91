"""`python -m fedrec.data describe FILE`: what `dataset=table` would read of a file; nothing is trained."""

import argparse
from collections.abc import Sequence

from fedrec.cli.ending import exit_after
from fedrec.cli.parser import Parser
from fedrec.cli.terminal_width import fitted
from fedrec.config.validation import did_you_mean

EXAMPLE = """example:
  python -m fedrec.data describe purchases.csv user=customer item=sku time=when

OPTION is an option of conf/dataset/table.yaml, with or without "dataset." before its name. The same options make
`python -m fedrec.main dataset=table dataset.path=FILE dataset.OPTION=VALUE` read the same."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the description and return the exit status: 2 if the table cannot be read."""
    parser = Parser("python -m fedrec.data", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="describe")
    describe = commands.add_parser(
        "describe",
        help="show the columns, users, items, long tail of a table, and what one should know",
        description="Show what dataset=table would read. Nothing is trained.",
        epilog=fitted(EXAMPLE),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    describe.add_argument("file", metavar="FILE", nargs="?", help="a file, a zip archive or a folder of parts")
    describe.add_argument("options", nargs="*", metavar="OPTION=VALUE", help="how to read it, user=COLUMN for instance")
    known = parser.parse_args(arguments)
    if known.file is None:
        parser.error("FILE is missing, for instance: python -m fedrec.data describe purchases.csv user=customer item=sku")
    if unfit := [option for option in known.options if "=" not in option]:
        parser.error(f"{unfit[0]}: expected OPTION=VALUE, user=COLUMN for instance")
    try:
        _describe(known.file, known.options)
    except ValueError as error:
        parser.error(str(error).splitlines()[0])
    return 0


def _describe(file: str, options: Sequence[str]) -> None:
    """Print the description. Raises ValueError in one line if an option is wrong or the table cannot be read."""
    from hydra.errors import HydraException
    from rich.console import Console

    from fedrec.config.build import build
    from fedrec.config.compose import compose
    from fedrec.data.table.description import describe

    config = compose("dataset=table")
    names = [option.partition("=")[0].removeprefix("dataset.") for option in options]
    for name in names:
        if name not in config.dataset:
            known = [str(key) for key in config.dataset if key != "_target_"]
            raise ValueError(f"unknown option {name}: there are {', '.join(known)}{did_you_mean([name], known)}")
    try:
        config = compose("dataset=table", *(f"dataset.{option.removeprefix('dataset.')}" for option in options))
    except HydraException as error:
        raise ValueError(str(error)) from error
    config.dataset.path = file
    console = Console(soft_wrap=True)
    for line in describe(build(config.dataset)):
        console.print(line, highlight=False, markup=False)


if __name__ == "__main__":
    exit_after(main)
