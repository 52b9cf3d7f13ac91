"""The log of a run: `main.log` in its folder holds everything with time and origin, the terminal shows the messages alone."""

import logging
import sys
from typing import Any

from fedrec.config.job_list import current_job
from fedrec.config.secrets import MaskedFormatter


class Terminal(logging.StreamHandler[Any]):
    """Writes to what `sys.stdout` is at that time: while a progress bar is shown, rich prints above the bar."""

    def __init__(self, stream: Any = None) -> None:
        """Ignore the `stream` of Hydra's own handler."""
        super().__init__(sys.stdout)

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)


class TerminalFormatter(MaskedFormatter):
    """Writes the message alone, after the job of a sweep that it is from, and after its level if something is wrong."""

    def format(self, record: logging.LogRecord) -> str:
        job = current_job()
        level = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        return f"{f'{job.name}: ' if job else ''}{level}{super().format(record)}"


class LogFile(logging.FileHandler):
    """The log of the run. A program that starts runs may have log files of its own."""


def write_to_file(text: str, level: int = logging.INFO) -> None:
    """Write to the log of the run only, because the terminal shows the same in another form."""
    record = logging.LogRecord("fedrec", level, "", 0, text, None, None)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogFile):
            handler.handle(record)
