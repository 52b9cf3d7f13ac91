"""What workers need while they work, and nobody once a sweep or a campaign has ended well."""

import logging
import shutil
from contextlib import suppress
from glob import escape
from pathlib import Path

from filelock import FileLock, Timeout

from fedrec.sweeps.launching import WORKER_FOLDER


def remove_worker_files(folder: Path, address: str) -> None:
    """Remove the folders of the workers from `folder`, and the lock files of the storage at `address`."""
    for worker in folder.glob(f"{WORKER_FOLDER}[0-9]*"):
        _close_logs(worker)
        shutil.rmtree(worker, ignore_errors=True)
    if address.startswith("sqlite"):
        database = Path(address.removeprefix("sqlite:///"))
        for file in database.parent.glob(f"{escape(database.name)}.*.lock"):
            _remove_lock(file)


def _close_logs(folder: Path) -> None:
    """Let this process write no log to a folder any more: a worker that ran in it has left its own open."""
    root = logging.getLogger()
    for handler in [*root.handlers]:
        if isinstance(handler, logging.FileHandler) and Path(handler.baseFilename).parent == folder.absolute():
            root.removeHandler(handler)
            handler.close()


def _remove_lock(file: Path) -> None:
    """Remove a lock file, unless another process holds it.

    It is removed while it is held. So a process that waits for it gets a lock on a file that is gone; FileLock notices that, and
    locks the file that everybody else finds.
    """
    with suppress(Timeout, OSError), FileLock(file, timeout=0):  # Windows removes no open file, but there FileLock itself removes it
        file.unlink()
