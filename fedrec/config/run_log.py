"""The log of a run: `main.log` in its folder holds everything with time and origin, the terminal shows the messages alone."""

import logging
import sys
from pathlib import Path
from typing import Any, ClassVar, TextIO

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from fedrec.config.job_list import current_job, sweep_folder
from fedrec.config.secrets import MaskedFormatter


class Terminal(logging.StreamHandler[Any]):
    """Writes to what `sys.stdout` is at that time: while a progress bar is shown, rich prints above the bar.

    Of the runs of a sweep in this process, the first one says what all would say; the logs of the others hold it, too.
    """

    _said: ClassVar[set[tuple[Path, str]]] = set()  # folders of sweeps, and warnings

    def __init__(self, stream: Any = None) -> None:
        """Ignore the `stream` of Hydra's own handler."""
        super().__init__(sys.stdout)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - a name of `logging`
        """Let the program end if nobody reads what it prints."""
        if isinstance(sys.exc_info()[1], BrokenPipeError):
            raise
        super().handleError(record)

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        if record.levelno == logging.WARNING and (folder := sweep_folder()):
            said = (folder, record.getMessage())
            if said in self._said:
                return
            self._said.add(said)
        super().emit(record)


class TerminalFormatter(MaskedFormatter):
    """Writes the message alone, after the job of a sweep that it is from, and after its level if something is wrong."""

    def format(self, record: logging.LogRecord) -> str:
        job = current_job()
        level = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        return f"{f'{job.name}: ' if job else ''}{level}{super().format(record)}"


def print_line(line: str, stream: TextIO) -> None:
    """Print a line in one piece: runs that go on at the same time share the terminal, and an unbuffered `print` writes the end apart."""
    print(f"{line}\n", end="", file=stream, flush=True)


def write_to_file(text: str, level: int = logging.INFO) -> None:
    """Write to the log in the folder of the run only, because the terminal shows the same in another form."""
    runtime = HydraConfig.get().runtime if HydraConfig.initialized() else None
    folder = None if runtime is None or OmegaConf.is_missing(runtime, "output_dir") else runtime.output_dir  # a sweep itself has none
    record = logging.LogRecord("fedrec", level, "", 0, text, None, None)
    for handler in logging.getLogger().handlers:  # a program that starts runs may have log files of its own
        if folder and isinstance(handler, logging.FileHandler) and Path(handler.baseFilename).is_relative_to(folder):
            handler.handle(record)
