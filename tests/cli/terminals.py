"""The real program on a real terminal, and what a reader of its screen sees."""

import re
from pathlib import Path

import pexpect

from tests.cli.program import COMMAND, ENVIRONMENT

CODES = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")


def started(folder: Path, columns: int, *arguments: str, **environment: str) -> pexpect.spawn:
    """`python -m fedrec.main ARGUMENTS` on a terminal of this width."""
    command, *rest = (*COMMAND, *arguments)
    own = {name: value for name, value in ENVIRONMENT.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    terminal = {"TERM": "xterm-256color", **environment}
    return pexpect.spawn(command, rest, timeout=180, cwd=folder, env=own | terminal, dimensions=(50, columns), encoding="utf-8")


def shown(program: pexpect.spawn) -> str:
    """Everything that the program sends to the terminal until it ends, with the codes that move the cursor."""
    program.expect(pexpect.EOF)
    program.close()
    return str(program.before)


def pieces(output: str) -> list[str]:
    """What stood in a line of the screen at some time; a bar stands in the same line again and again."""
    return [piece.rstrip() for piece in re.split(r"[\r\n]+", CODES.sub("", output)) if piece.strip()]
