"""`python -m fedrec.recommend RUN_FOLDER --user 42`: what the model of a run recommends. Nothing heavy is imported before the check."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fedrec.cli.ending import exit_after
from fedrec.cli.parser import Parser
from fedrec.config.validation import ConfigError
from fedrec.saved_runs.run_files import read_description, read_summary
from fedrec.saved_runs.saved_run import SavedRun
from fedrec.tracking.id_maps import in_words, printable
from fedrec.tracking.parquet_columns import write_columns

if TYPE_CHECKING:
    from rich.table import Table

    from fedrec.tracking.parquet_columns import Columns

_LONGEST_ID = 24  # characters of an id in a table
EXAMPLES = """examples:
  python -m fedrec.main attack=pieck_uea model.save=true
  python -m fedrec.recommend outputs/2026-11-27/20-15-00 --user 42 -k 5
  python -m fedrec.recommend outputs/2026-11-27/20-15-00 --all --csv lists.csv

The score is a logit: only its order counts. * marks a target item of the
attack. What a user trained on is left out, as in ER@K, and the scores are
those that an evaluation of the run ranks."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print or write the lists and return the exit status: 2 for bad input, with one line."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        _check(given)
        _recommend(given)
    except ConfigError as error:
        parser.error(str(error).splitlines()[0])
    return 0


def _parser() -> Parser:
    parser = Parser(
        "python -m fedrec.recommend",
        description="Show the items that the model of a run recommends to its users.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("folder", metavar="RUN_FOLDER", type=Path, nargs="?", help="of a run with model.save=true")
    parser.add_argument("--user", metavar="ID", action="append", default=[], help="an id of the data set; give it again for more users")
    parser.add_argument("--all", action="store_true", help="all users; needs --csv or --parquet")
    parser.add_argument("-k", metavar="K", type=int, default=10, help="items of a list; default: 10")
    parser.add_argument("--with-seen", action="store_true", help="do not leave out what a user trained on")
    parser.add_argument("--csv", metavar="FILE", type=Path, help="write the lists there instead of printing them")
    parser.add_argument("--parquet", metavar="FILE", type=Path, help="the same as parquet")
    return parser


def _check(given: argparse.Namespace) -> None:
    """Raise ConfigError for what is wrong without a look at any table."""
    if given.folder is None:
        raise ConfigError("RUN_FOLDER is missing, for instance: python -m fedrec.recommend outputs/2026-11-27/20-15-00 --user 42")
    if given.all == bool(given.user):
        raise ConfigError("--user ID and --all: give one of them")
    if given.all and not (given.csv or given.parquet):
        raise ConfigError("--all needs --csv FILE or --parquet FILE: its lists are too many to print")
    if given.k < 1:
        raise ConfigError(f"-k {given.k}: must be a whole number >= 1")
    for path in filter(None, (given.csv, given.parquet)):
        if path.is_dir() or not path.parent.is_dir():
            raise ConfigError(f"{path}: {'it is a folder' if path.is_dir() else f'there is no folder {path.parent}'}")
    read_summary(given.folder)
    read_description(given.folder)


def _recommend(given: argparse.Namespace) -> None:
    """Print or write the lists. Raises ConfigError if a user does not exist, K is too large, or a file is damaged or not to be written."""
    import torch

    from fedrec.saved_runs.recommending import recommend, recommend_to_all

    run, threads, exclude_seen = SavedRun(given.folder), read_summary(given.folder)["config"].get("threads"), not given.with_seen
    if threads in range(1, 1025):
        torch.set_num_threads(threads)  # as in the run: the last digits of scores depend on it
    if not (given.csv or given.parquet):
        _show({user: recommend(run, [user], given.k, exclude_seen) for user in given.user}, given.k)
    for path, write in ((given.csv, _write_csv), (given.parquet, write_columns)):
        if path is not None:
            of_all = recommend_to_all(run, given.k, exclude_seen)
            write(path, of_all if given.all else [recommend(run, given.user, given.k, exclude_seen)])
            print(f"lists of {'all' if given.all else len(given.user)} users: {path}")


def _show(lists: "Mapping[str, Columns]", k: int) -> None:
    """Print a table for each user, as wide as the terminal."""
    from rich.console import Console

    console = Console(markup=False, emoji=False, highlight=False)
    for user, columns in lists.items():
        console.print(f"user {in_words([user], None)}")
        console.print(_table(columns))
        if (n_items := len(columns["rank"])) < k:
            console.print(f"{n_items} of {k}: the user has trained on all other items, or their scores are no numbers")
        console.print()
    if any(columns["target"].any() for columns in lists.values()):
        console.print("* target item")


def _table(columns: "Columns") -> "Table":
    """Return a list as a table; where there is too little room, titles are cut off first."""
    from rich.table import Column, Table
    from rich.text import Text

    items = [in_words([one], None) for one in columns["item"]]
    titles = {"title": [printable(one or "") for one in columns["title"]]} if "title" in columns else {}
    scores, marks = [f"{one:#.4g}" for one in columns["score"]], ["*" * int(one) for one in columns["target"]]
    numbers = Column("rank", justify="right", no_wrap=True), Column("score", justify="right", no_wrap=True)
    item = Column("item", no_wrap=True, overflow="ellipsis", max_width=_LONGEST_ID)
    table = Table(numbers[0], item, *titles, numbers[1], Column(no_wrap=True), show_edge=False, pad_edge=False)
    for rank, name, *title, score, mark in zip(columns["rank"].astype(str), items, *titles.values(), scores, marks, strict=True):
        table.add_row(rank, name, *(Text(one, no_wrap=True, overflow="ellipsis") for one in title), score, mark)
    return table


def _write_csv(path: Path, blocks: "Iterable[Columns]") -> None:
    """Write blocks of lists as CSV, under another name until all are there. Raises ConfigError if the disk does not take them."""
    import pandas as pd

    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            for number, block in enumerate(blocks):
                pd.DataFrame(dict(block)).to_csv(file, header=not number, index=False)
        part.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    exit_after(main)
