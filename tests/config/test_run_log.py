"""What the terminal shows of a message, and what only the log of a run holds."""

import io
import logging
from collections.abc import Iterator

import pytest

from fedrec.config.run_log import Terminal, TerminalFormatter, print_line


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    """A logger whose messages the terminal shows."""
    logger, handler = logging.Logger("test"), Terminal()
    handler.setFormatter(TerminalFormatter())
    logger.addHandler(handler)
    return logger


def test_the_terminal_shows_messages_without_time_and_origin_and_names_what_is_wrong(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    log.info("some news")
    log.warning("mind this: password=hidden")
    log.warning("mind this: password=hidden")
    assert capsys.readouterr().out.splitlines() == ["some news", *["warning: mind this: password=***"] * 2]


def test_a_line_is_printed_in_one_piece_so_that_those_of_other_runs_cannot_come_between() -> None:
    pieces: list[str] = []

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            pieces.append(text)
            return len(text)

    print_line("job 1: done", Stream())
    assert [piece for piece in pieces if piece] == ["job 1: done\n"]
