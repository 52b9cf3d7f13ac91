"""What the terminal shows of a message, and what only the log of a run holds."""

import logging
from collections.abc import Iterator

import pytest

from fedrec.config.run_log import Terminal, TerminalFormatter


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
