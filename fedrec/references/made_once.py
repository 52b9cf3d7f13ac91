"""Runs without an attack, in a folder each that is named by the identity of the run: each is made once, also if many processes want it."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from fedrec.config.validation import ConfigError
from fedrec.identity.run_identity import RunIdentity, digest
from fedrec.interfaces import WithoutAttack
from fedrec.saved_runs.measurements import evaluations_of
from fedrec.saved_runs.run_files import read_summary
from fedrec.saved_runs.saved_run import SavedRun

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class References:
    """The runs without an attack that lie below a folder. Other code, data or options have other names, so nothing is ever wrong."""

    folder: Path  # absolute

    def obtain(self, identity: RunIdentity, make: Callable[[Path], WithoutAttack]) -> WithoutAttack:
        """Return the run of this identity, which `make` makes in the folder that it is given unless it is there.

        Other processes that want it meanwhile wait. Raises ConfigError if the folder cannot be written.
        """
        own = self.folder / digest([identity.name, identity.code])
        if (known := _read(own)) is not None:
            return known
        with _kept(own):
            return _read(own) or self._made(own, make)

    def _made(self, own: Path, make: Callable[[Path], WithoutAttack]) -> WithoutAttack:
        log.info("the attack is compared with the same run without it, which comes first; reference=null leaves it out")
        started = time.perf_counter()
        made = make(own)
        log.info("the run without the attack took %.1f s and lies in %s", time.perf_counter() - started, own)
        return made


@contextmanager
def _kept(own: Path) -> Iterator[None]:
    """Keep a folder to this process meanwhile. The operating system frees it if the process is killed."""
    try:
        own.mkdir(parents=True, exist_ok=True)
        lock = FileLock(own / "lock", thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            log.info("another process makes the run without the attack; this one waits for it")
            lock.acquire()
    except OSError as error:
        raise ConfigError(f"reference={own.parent}: {error.strerror}; reference=null compares with no run without the attack") from None
    try:
        yield
    finally:
        lock.release()


def _read(own: Path) -> WithoutAttack | None:
    """Return a run that has reached its end; None if there is none, or if a file of it is damaged."""
    try:
        summary = read_summary(own)
        if summary["status"] != "FINISHED":
            return None
        return WithoutAttack(str(summary["name"]), own, evaluations_of(SavedRun(own).metrics))
    except (ConfigError, KeyError):
        return None
