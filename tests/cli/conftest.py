"""The program in this process."""

import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from fedrec.main import main
from tests.cli.program import Ended


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Ended]]:
    """Return `main`, or another program's, with an empty folder as working directory. What it sets for its process is set back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    handler, log = signal.getsignal(signal.SIGTERM), logging.getLogger()
    level, handlers = log.level, log.handlers[:]

    def run(*arguments: str, main: Callable[[Sequence[str]], int] = main) -> Ended:
        capsys.readouterr()
        try:
            status = main(arguments)
        except SystemExit as ended:
            status = int(str(ended.code))
        return Ended(status, *capsys.readouterr())

    yield run
    signal.signal(signal.SIGTERM, handler)
    log.setLevel(level)
    log.handlers[:] = handlers
