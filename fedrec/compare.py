"""`python -m fedrec.compare SOURCE...`: runs side by side. `fedrec.compare(...)` is `fedrec.comparison.comparing.compare`.

The exit status is 0 for done and 2 for bad input (one line on stderr).
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fedrec.cli.callable_module import callable_module
from fedrec.cli.ending import exit_after
from fedrec.cli.parser import Parser

DESCRIPTION = """Runs side by side: mean and standard error over seeds of every setting, the best
marked, and tests against a reference. Only runs that differ in nothing but the
seed are averaged."""
EXAMPLES = """examples:
  python -m fedrec.compare multirun/2026-11-27/18-40-47
  python -m fedrec.compare multirun outputs --by attack,defense --where model=mf
  python -m fedrec.compare fedrec --at final --latex table.tex   from MLflow
  python -m fedrec.compare multirun --png map.png --scatter trade_off.svg"""
PICTURES = (".png", ".svg", ".pdf")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the comparison, write the files that are asked for, and return the exit status."""
    parser = _parser()
    known = parser.parse_args(arguments)
    if not known.sources:
        parser.error("SOURCE is missing, for instance: python -m fedrec.compare multirun")
    try:
        where, against = _pairs("--where", known.where), _pairs("--against", known.against)
        files = {flag: getattr(known, flag) for flag in ("csv", "markdown", "latex", "png", "scatter") if getattr(known, flag)}
        _check_files(files)
        _compare(known, where, {name: value for name, (value, *_) in against.items()} or None, files)
    except ValueError as error:
        parser.error(str(error).splitlines()[0])
    return 0


def _parser() -> Parser:
    form = argparse.RawDescriptionHelpFormatter
    parser = Parser(
        "python -m fedrec.compare",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=form,
        allow_abbrev=False,
        usage="%(prog)s SOURCE... [options]",
    )
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="a folder of a run, of a sweep, or above them; or an experiment in MLflow (mlflow:NAME)",
    )
    which = parser.add_argument_group("which runs")
    which.add_argument(
        "--where", action="append", default=[], metavar="OPTION=VALUE,...", help="keep runs with one of these values; may be repeated"
    )
    which.add_argument("--uri", help="MLflow store (default: $MLFLOW_TRACKING_URI, or sqlite:///mlflow.db)")
    which.add_argument("--unfinished", action="store_true", help="also runs that failed, were killed or pruned")
    what = parser.add_argument_group("what is compared")
    what.add_argument("--by", metavar="OPTION,...", help="the first one is compared; two make a matrix (default: options that vary)")
    what.add_argument(
        "--metric", metavar="METRIC,...", help="default: ER@K, what is lost of HR@10, and HR@10, the metric that selects the best epoch"
    )
    what.add_argument(
        "--at", metavar="RULE,...", help="best, near_best, validation, peak, final, degradation (default: best, and near_best of ER@K)"
    )
    what.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        help="reference of the tests (default: the first value of the first option)",
    )
    files = parser.add_argument_group("files")
    files.add_argument("--csv", type=Path, metavar="FILE", help="all numbers, with every test")
    files.add_argument("--markdown", type=Path, metavar="FILE", help="the table")
    files.add_argument("--latex", type=Path, metavar="FILE", help="the table, with booktabs")
    files.add_argument("--png", type=Path, metavar="FILE", help="heat maps; FILE may also end in .svg or .pdf")
    files.add_argument("--scatter", type=Path, metavar="FILE", help="exposure against hits with the Pareto front: .png, .svg or .pdf")
    return parser


def split(text: str) -> list[str]:
    """Return the values of a list, which may be lists themselves.

    >>> split("none,[ours,krum],krum")
    ['none', '[ours,krum]', 'krum']
    """
    return [part for part in re.findall(r"((?:\[[^\]]*\]|[^,\[])*)(?:,|$)", text) if part]


def _pairs(flag: str, given: Sequence[str]) -> dict[str, list[str]]:
    found = {}
    for text in given:
        name, equals, values = text.partition("=")
        if not equals or not name:
            raise ValueError(f"{flag} {text}: expected OPTION=VALUE, attack=pieck_uea for instance")
        found[name] = split(values) or [""]
    return found


def _check_files(files: dict[str, Path]) -> None:
    """Raise ValueError if a file cannot be written, before anything is read."""
    for flag, file in files.items():
        if flag in ("png", "scatter") and file.suffix not in PICTURES:
            raise ValueError(f"--{flag} {file}: the name of a picture ends in {', '.join(PICTURES)}")
        if file.is_dir() or not file.parent.is_dir():
            raise ValueError(f"--{flag} {file}: {'this is a folder' if file.is_dir() else f'there is no folder {file.parent}'}")


def _compare(known: argparse.Namespace, where: dict[str, Any], against: dict[str, str] | None, files: dict[str, Path]) -> None:
    from rich.console import Console

    from fedrec.comparison.comparing import compare
    from fedrec.comparison.saving import save
    from fedrec.comparison.text_table import print_text

    lists: dict[str, Any] = {name: split(value) if (value := getattr(known, name)) is not None else None for name in ("by", "metric", "at")}
    compared = compare(known.sources, **lists, where=where, against=against, uri=known.uri, unfinished=known.unfinished)
    print_text(compared, Console(soft_wrap=False))
    for flag, file in files.items():
        save(compared, file, flag)
        print(f"{flag}: {file}")


sys.modules[__name__].__class__ = callable_module("fedrec.comparison.comparing", "compare")

if __name__ == "__main__":
    exit_after(main)
