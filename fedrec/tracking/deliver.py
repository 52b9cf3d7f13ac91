"""`python -m fedrec.tracking.deliver FOLDER... [--uri STORE]`: bring to MLflow what runs have left in their folders.

A run leaves its metrics in its folder when its store fails, or when a power cut, say, ends its writer, too. The command takes each
such run in the folders and below them to the store that it was meant for. There it gets the status with which it ended, KILLED if it
never said one, and no metric twice, however often the command is given. Runs that go on are left alone.
A password is never kept on disk: name a variable that holds the whole address (--uri '${oc.env:FEDREC_STORE}'), or keep the password in
~/.pgpass or in an environment variable.
Exit status: 0 nothing is left, 1 a run could not be delivered or goes on, 2 bad input, 130 Ctrl-C.
"""

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path

from omegaconf.errors import OmegaConfBaseException

from fedrec.config.secrets import masked, revealed
from fedrec.tracking.mlflow.run_record import undelivered
from fedrec.tracking.mlflow.store_uri import locate_store
from fedrec.tracking.mlflow.writer_process import environment

_RETRY_SECONDS = 10.0  # how long a store that fails is tried again


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit status."""
    parser = ArgumentParser("python -m fedrec.tracking.deliver", description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("folders", metavar="FOLDER", nargs="+", type=Path, help="of a run, of a sweep, or any folder above them")
    parser.add_argument("--uri", metavar="STORE", help="the store that takes the runs, as in tracking.uri; default: their own")
    given = parser.parse_args(arguments)
    try:
        for folder in given.folders:
            if not folder.is_dir():
                raise ValueError(f"{folder} is not a folder")
        uri = None if given.uri is None else revealed(given.uri)
        if uri is not None:
            locate_store(uri)
    except (ValueError, OmegaConfBaseException) as error:
        print(f"error: {masked(str(error).splitlines()[0])}", file=sys.stderr)
        return 2
    try:
        return _deliver(list(dict.fromkeys(one for folder in given.folders for one in undelivered(folder.resolve()))), uri)
    except KeyboardInterrupt:
        print("interrupted: the same command goes on from here", file=sys.stderr)
        return 130


def _deliver(folders: Sequence[Path], uri: str | None) -> int:
    os.environ.update(environment())  # before MLflow is imported, which takes seconds
    from fedrec.tracking.mlflow.leftovers import deliver

    left = 0
    for outcome in deliver(folders, uri, _RETRY_SECONDS):
        left += outcome.is_busy or bool(outcome.failure)
        if outcome.is_busy:
            print(f"left alone, because the run goes on: {outcome.folder}")
        elif outcome.failure:
            print(f"not delivered: {outcome.folder}: {outcome.uri}: {outcome.failure}", file=sys.stderr)
        else:
            print(f"delivered: {outcome.folder}: run {outcome.run_id} in {outcome.uri}", flush=True)
    print(f"{len(folders) - left} of {len(folders)} runs are delivered" if folders else "nothing is left to deliver")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
