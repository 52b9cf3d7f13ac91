"""`python -m fedrec.audit report FOLDER` and `... check FOLDER`: what an audit has found, again as a page or against limits."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from fedrec.cli.parser import Parser
from fedrec.config.validation import ConfigError

_CHECK = """Compare what an audit has found with what you allow: the exit status is 0 if it
is kept, 1 if it is exceeded (one line says by what), 2 for bad input."""


def main(arguments: Sequence[str]) -> int:
    """Write the page again, or check limits, and return the exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        return int((_check if given.asked == "check" else _report)(given))
    except ConfigError as error:
        parser.error(str(error).splitlines()[0])
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")


def _parser() -> Parser:
    parser = Parser("python -m fedrec.audit", allow_abbrev=False)
    asked = parser.add_subparsers(dest="asked", required=True)
    report = asked.add_parser("report", description="Write the page of an audit again.", allow_abbrev=False)
    form = argparse.RawDescriptionHelpFormatter
    check = asked.add_parser("check", description=_CHECK, formatter_class=form, allow_abbrev=False)
    for one in (report, check):
        one.add_argument("folder", metavar="FOLDER", type=Path, help="of an audit; it holds audit.json")
    check.add_argument(
        "--max-exposure", metavar="SHARE", type=float, required=True, help="of the users who may see the promoted item: 0.05"
    )
    check.add_argument("--accounts", metavar="N", type=int, required=True, help="fake accounts that an attacker may have")
    check.add_argument("--defense", metavar="NAME", help="that you use, or: recommended; default: none")
    check.add_argument("--peak", action="store_true", help="judge the worst epoch, not the mean around the best one")
    check.add_argument("--junit", metavar="FILE", type=Path, help="write the result as JUnit XML, for CI systems")
    return parser


def _report(given: argparse.Namespace) -> int:
    from fedrec.auditing.audit_pages import read_audit, write_pages

    for path in write_pages(read_audit(given.folder), given.folder):
        print(path)
    return 0


def _check(given: argparse.Namespace) -> int:
    """Print what decides, and return 1 if the limit is exceeded. Raises ConfigError if the limit is none, or the audit cannot tell."""
    from fedrec.auditing.audit_pages import read_audit
    from fedrec.auditing.gate import check, conclusion, junit

    result = read_audit(given.folder)
    checks = check(result, given.max_exposure, given.accounts, given.defense, given.peak)
    if given.junit:
        given.junit.write_text(junit(checks, result.facts), encoding="utf-8")
    lines, status = conclusion(checks)
    print("\n".join(lines))
    return status
