"""The process that writes runs to MLflow, one after another. The run's own process never imports, calls or waits for MLflow.

Standard input brings two lines of JSON for each run: its description, then how it ended. A run without a second line was killed.
Metrics and snapshots come through files (`metric_files`). Standard output reports progress to the run in lines of JSON
(what a `Delivery` reports, at last `done` or `failed`). A single line may instead ask for something at once (`requests`). The process
ends when standard input ends. Its arguments are the process that started it, and the seconds that it has left when that is gone.
"""

import contextlib
import gc
import json
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TextIO

from fedrec.parent_process import EndWithParent
from fedrec.tracking.mlflow.run_record import WRITER_LOCK, locked

_NICENESS = 10  # training comes first while it lasts


def main() -> None:
    """Serve runs until there are no more, then exit without the slow shutdown of everything that was imported."""
    EndWithParent(int(sys.argv[1]), float(sys.argv[2]))()
    gc.set_threshold(100_000)  # saves a sixth of the processor time of the imports and of SQLAlchemy
    _ignore_signals()
    answers = _take_standard_output()

    def report(**news: Any) -> None:
        with contextlib.suppress(OSError):  # the run may be gone, but its metrics still count
            print(json.dumps(news), file=answers, flush=True)

    while _serve(report):
        pass
    os._exit(0)


def _serve(report: Callable[..., None]) -> bool:
    """Serve one run or one request. Return False if none comes.

    A thread of its own does what happens in the background of a run, because on Linux a thread that is nice stays nice. The run
    waits for the rest, and whoever sends a request waits for its answer: this thread does both at full priority.
    """
    from fedrec.tracking.mlflow.answers import answer  # imports MLflow, before a run is there
    from fedrec.tracking.mlflow.arrived import only_writer
    from fedrec.tracking.mlflow.delivery import Delivery
    from fedrec.tracking.mlflow.leftovers import deliver_earlier

    message = _next_message()
    if message is None:
        return False
    if "wanted" in message:
        report(**answer(message))
        return True
    with only_writer(message["key"]):  # until it is free, the writer of an earlier process of this run still works
        with ThreadPoolExecutor(1, initializer=_be_nice) as background:
            background.submit(deliver_earlier, message, report).result()
            delivery = Delivery(message, report)
            lock = locked(Path(message["folder"], WRITER_LOCK))
            background.submit(delivery.follow).result()
        failed = delivery.complete()
        lock.release()  # before the answer, after which anybody may deliver what is left
    report(**({"failed": failed} if failed else {"done": True}))
    return True


def _next_message() -> dict[str, Any] | None:
    """Return the next message, or None after the last, and adopt the environment that came with it."""
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        return None
    message: dict[str, Any] = json.loads(line)
    os.environ.clear()
    os.environ.update(message.pop("environment"))
    return message


def _be_nice() -> None:
    if hasattr(os, "nice"):  # Windows has other priorities
        os.nice(_NICENESS)


def _ignore_signals() -> None:
    """Ignore signals that are meant for the run: they end the run, and its end or its silence ends this process."""
    for name in {"SIGINT", "SIGTERM", "SIGHUP"} & set(dir(signal)):  # Windows lacks the last one
        signal.signal(getattr(signal, name), signal.SIG_IGN)


def _take_standard_output() -> TextIO:
    """Return the stream for answers and send what libraries print to standard error, so that it never mixes with answers."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    main()
