"""The checkpoints of a run: when they are written, which one the same command goes on from, and when they are removed."""

import contextlib
import json
import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, Literal

import torch
from filelock import FileLock, Timeout
from pydantic import Field

from fedrec.checkpoints.nested_state import encode
from fedrec.checkpoints.schedule import Schedule
from fedrec.checkpoints.state_files import Damaged, is_checkpoint, read_about, read_state, write, written
from fedrec.config.validation import ConfigError
from fedrec.identity.run_identity import RunIdentity, difference
from fedrec.interfaces import Positive, Status

_KEPT = 2  # the latest ones: if one is damaged, there is another
_BYTES_PER_SECOND = 1e8  # that a slow disk takes; how long the first writing may take follows from it

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Checkpointing:
    """Call `setup` once, then `find`. They lie in `folder`/IDENTITY, so the same command finds those that it has written.

    Trouble with the disk never stops a run; it only has no checkpoint then.
    """

    every: Positive | Literal["auto"] | None
    folder: Annotated[str, Field(min_length=1)]

    identity: RunIdentity = field(init=False)
    device: torch.device = field(init=False)
    schedule: Schedule = field(init=False)  # once the run has begun
    _own: Path = field(init=False)  # the folder of this run
    _lock: FileLock | None = field(init=False, default=None)  # while the folder is this process's
    _is_off: bool = field(init=False, default=False)  # whether the folder is another process's, or the state cannot be saved
    _goes_on: bool = field(init=False, default=False)  # whether the run goes on from a checkpoint in its own folder

    def setup(self, identity: RunIdentity, device: torch.device) -> None:
        """Learn which run this is, in the working directory that `folder` is relative to."""
        self.identity, self.device = identity, device
        self._own = Path(self.folder).resolve() / identity.name

    def find(self, resume: str) -> Any:
        """Return the state to go on from, and say so; None to start anew. `resume` is auto, never or a folder.

        Raises ConfigError if the checkpoint in the folder is damaged, or belongs to a run of other options, data or code.
        """
        if resume == "never":
            return None
        return self._find_own() if resume == "auto" else self._take(given(resume), f"resume={resume}")

    def begin(self, n_rounds: int, first_round: int) -> None:
        """Start the clock; `first_round` rounds are finished already."""
        self.schedule = Schedule(self.every, n_rounds, first_round)

    def is_due(self, round: int, epoch: int) -> bool:
        """Return whether to save the state after an epoch that ends with this round; both count from 1."""
        return not self._is_off and self.schedule.is_due(round, epoch)

    def save(self, round: int, state: Callable[[], Mapping[str, Any]]) -> None:
        """Write what `state` returns, and keep the two latest checkpoints of this run."""
        started = perf_counter()
        try:
            tree, tensors = encode(state())
            if self.every == "auto" and self.schedule.duration is None:
                self.schedule.duration = sum(tensor.nbytes for tensor in tensors.values()) / _BYTES_PER_SECOND
                if not self.schedule.has_paused():
                    return
            if self._claim():
                folder = write(self._own, round, self._about(round), tree, tensors)
                self._remove_all_but(folder)
                self._goes_on = True
        except OSError as error:
            log.warning("no checkpoint after round %d: %s", round, error)
        except TypeError as error:
            log.warning("this run has no checkpoints: %s", error)
            self._is_off = True
        self.schedule.wrote(perf_counter() - started)

    def end(self, status: Status) -> None:
        """Remove the checkpoints of a run that nobody will go on with, and let other processes have the others."""
        if status in ("FINISHED", "PRUNED") and self._own.is_dir() and self._claim():
            shutil.rmtree(self._own, ignore_errors=True)
            with contextlib.suppress(OSError):  # other runs have checkpoints there, too
                self._own.parent.rmdir()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _find_own(self) -> Any:
        folders = written(self._own)
        if not folders or not self._claim():
            return None
        for folder in folders:
            try:
                return self._take(folder)
            except Damaged as error:
                log.warning("the checkpoint %s is damaged (%s); the one before it is tried", folder, error)
            except ConfigError as error:
                log.warning("%s: the run starts anew", error)
                return None
        log.warning("no checkpoint in %s can be read; the run starts anew", self._own)
        return None

    def _take(self, folder: Path, named: str = "") -> Any:
        """Return the state of a checkpoint. Raises ConfigError if it belongs to another run, and Damaged; only ConfigError if `named`."""
        try:
            about = read_about(folder)
            self._require_same(about, named or str(folder))
            state = read_state(folder, self.device)
        except Damaged as error:
            if named:
                raise ConfigError(f"{named}: the checkpoint is damaged: {error}") from None
            raise
        log.info("the run goes on after round %d, from %s; resume=never would start anew", about["round"], folder)
        self._goes_on = folder.parent == self._own
        return state

    def _require_same(self, about: Mapping[str, Any], named: str) -> None:
        if differs := difference(about["options"], json.loads(json.dumps(self.identity.options))):
            raise ConfigError(f"{named}: {differs}")
        if about["data"] != self.identity.data:
            raise ConfigError(f"{named}: it was written with other data")
        if about["targets"] != list(self.identity.targets):
            raise ConfigError(f"{named}: it was written with other target items")
        if about["code"] != self.identity.code:
            raise ConfigError(f"{named}: it was written by another version of the code")

    def _about(self, round: int) -> dict[str, Any]:
        one = self.identity
        return {"round": round, "options": one.options, "data": one.data, "targets": list(one.targets), "code": one.code}

    def _claim(self) -> bool:
        """Keep the folder to this process, and return whether that worked. If it did not, the run has no checkpoints, and is told so."""
        if self._lock is None and not self._is_off:
            self._own.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._own / "lock", timeout=0, thread_local=False)
            try:
                lock.acquire()
                self._lock = lock
            except Timeout:
                log.warning("another process runs the same command; this run has no checkpoints")
                self._is_off = True
        return self._lock is not None

    def _remove_all_but(self, latest: Path) -> None:
        """Remove what is older than the two latest checkpoints, and what an earlier start of this run has left."""
        others = [folder for folder in written(self._own) if folder != latest]
        for folder in others[_KEPT - 1 :] if self._goes_on else others:
            shutil.rmtree(folder, ignore_errors=True)


def given(resume: str) -> Path:
    """Return the checkpoint that an option `resume` names: a folder, or the latest one in it. Raises ConfigError if there is none."""
    folder = Path(resume)
    if is_checkpoint(folder):
        return folder.resolve()
    if not (found := written(folder)):
        raise ConfigError(f"resume={resume}: there is no checkpoint in this folder; allowed is auto, never or the folder of a checkpoint")
    return found[0].resolve()
