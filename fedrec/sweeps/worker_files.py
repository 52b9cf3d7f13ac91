"""What workers need while they work, and nobody once a sweep or a campaign has ended well."""

import shutil
from contextlib import suppress
from glob import escape
from pathlib import Path

from filelock import FileLock, Timeout

from fedrec.sweeps.launching import WORKER_FOLDER


def remove_worker_files(folder: Path, address: str) -> None:
    """Remove the folders of the workers from `folder`, and the lock files of the storage at `address`."""
    for worker in folder.glob(f"{WORKER_FOLDER}[0-9]*"):
        shutil.rmtree(worker, ignore_errors=True)
    if address.startswith("sqlite"):
        database = Path(address.removeprefix("sqlite:///"))
        for file in database.parent.glob(f"{escape(database.name)}.*.lock"):
            _remove_lock(file)


def _remove_lock(file: Path) -> None:
    """Remove a lock file, unless another process holds it.

    It is removed while it is held. So a process that waits for it gets a lock on a file that is gone; FileLock notices that, and
    locks the file that everybody else finds.
    """
    with suppress(Timeout, OSError), FileLock(file, timeout=0):  # Windows removes no open file, but there FileLock itself removes it
        file.unlink()
