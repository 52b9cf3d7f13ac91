"""What `python -m fedrec.flower` does: it says where things lie, starts the federation, runs the app, and ends everything."""

import shlex
import sys
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from fedrec.config.validation import ConfigError
from fedrec.flower.app_folder import APP
from fedrec.flower.launch_arguments import Launch, asked_for
from fedrec.flower.launched_processes import Processes, ProcessFailed, guarded
from fedrec.flower.local_federation import LocalFederation, environment


def program(arguments: list[str], flags: Set[str], app: str = APP) -> int:
    """Launch what the arguments ask for and return the exit status. Raises ConfigError, or what Hydra raises, for bad input."""
    return conduct(asked_for(arguments), app)


def conduct(launch: Launch, app: str = APP) -> int:
    """Start a federation, run the app in it, and end it. Return 0 if the run is completed, else 1; a line says why."""
    with reserved(launch.folder):
        deal(launch)
        print(f"{launch.nodes} nodes; results, logs and what nodes keep lie in {launch.folder}", flush=True)
        with guarded(Processes(launch.folder / "logs", environment(launch.folder))) as processes:
            try:
                federation = LocalFederation(launch, processes, app)
                federation.start()
                federation.run()
            except ProcessFailed as error:
                print(f"error: {error}", file=sys.stderr)
                return 1
    return 0


def deal(launch: Launch) -> None:
    """Give each node its share of the data. Raises ConfigError if an option does not fit them, or no federation can do what is asked."""
    from fedrec.flower.dealing import Deal  # imports torch

    try:
        Deal(shlex.join(launch.overrides), launch.nodes).to_all(launch.folder)
    except ValueError as error:
        raise ConfigError(str(error)) from error


@contextmanager
def reserved(folder: Path) -> Iterator[None]:
    """Keep other launches out of a folder. Raises ConfigError if one is there."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise ConfigError(f"folder={folder}: another federation uses it") from None
