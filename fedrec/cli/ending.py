"""How a program ends, whatever its output is connected to: a terminal of any encoding, or a pipe that nobody reads any more."""

import io
import os
import sys
from collections.abc import Callable
from typing import NoReturn

CLOSED_PIPE = 1  # the status that Python's documentation recommends and that rich, which prints the tables, exits with


def exit_after(program: Callable[[], int]) -> NoReturn:
    """Run a program and exit with the status that it returns. If its output is piped into `head`, say, it ends as soon as `head` does."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show a sign shows a question mark
    try:
        status = program()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes what is left when it exits
        status = CLOSED_PIPE
    sys.exit(status)
