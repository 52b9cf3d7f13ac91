"""The process that writes runs to MLflow, one after another. Their own process never imports, calls or waits for MLflow.

Standard input brings two lines of JSON for each run: what it is, then how it ended. A run without a second line was killed.
Metrics and snapshots come through files (`spool`). Standard output tells the run how it goes, in lines of JSON as well
(`Delivery.report`, at last `done` or `failed`). A single line may ask for something at once (`run_requests`). The process ends
when standard input ends.
"""

import contextlib
import gc
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from fedrec.tracking.mlflow.delivery import Delivery, Ending

_NICENESS = 10  # training comes first, as long as it lasts
Report = Callable[..., None]


def main() -> None:
    """Serve runs until there are no more, then exit without the slow shutdown of everything that was imported."""
    gc.set_threshold(100_000)  # saves a sixth of the processor time, of the imports and of SQLAlchemy
    _outlive_the_run()
    answers = _take_standard_output()

    def report(**news: Any) -> None:
        with contextlib.suppress(OSError):  # the run may be gone, its metrics still count
            print(json.dumps(news), file=answers, flush=True)

    while _serve(report):
        pass
    os._exit(0)


def _serve(report: Report) -> bool:
    """One run, or one request; False if none comes.

    What runs in its background is nice, and cannot be otherwise again, so it has a thread of its own: Linux has a niceness of each
    thread. The run waits for what comes after, as does whoever asks.
    """
    with ThreadPoolExecutor(1, initializer=os.nice, initargs=(_NICENESS,)) as background:
        start = background.submit(_next_message).result()
        if start is None:
            return False
        if "wanted" in start:
            _answer(start, report)
            return True
        delivery = background.submit(_follow, start, report).result()
    _complete(delivery)
    return True


def _next_message() -> dict[str, Any] | None:
    """None if there is none any more; the environment that came with it is that of this process from now on."""
    import fedrec.tracking.mlflow.backend_store  # noqa: F401 imports MLflow: seconds, in which the run need not have begun

    line = sys.stdin.readline()
    if not line.endswith("\n"):
        return None
    message: dict[str, Any] = json.loads(line)
    os.environ.clear()
    os.environ.update(message.pop("environment"))
    return message


def _answer(request: dict[str, Any], report: Report) -> None:
    from fedrec.tracking.mlflow.delivery import one_line
    from fedrec.tracking.mlflow.run_requests import answer

    try:
        report(answer=answer(request))
    except Exception as error:
        report(failed=one_line(error))


def _follow(start: dict[str, Any], report: Report) -> "Delivery":
    """Serve the run until it ends."""
    from fedrec.tracking.mlflow.backend_store import MlflowStore
    from fedrec.tracking.mlflow.delivery import Delivery, Ending
    from fedrec.tracking.mlflow.spool_reader import SpoolReader

    ending = Ending()
    threading.Thread(target=_await_ending, args=(ending,), daemon=True).start()
    delivery = Delivery(MlflowStore(start), SpoolReader(Path(start["folder"])), ending, report)
    delivery.follow()
    return delivery


def _complete(delivery: "Delivery") -> None:
    from fedrec.tracking.mlflow.delivery import one_line

    try:
        delivery.complete(delivery.store.start["retry_seconds"])
    except Exception as error:
        delivery.store.give_up(delivery.ending.status)
        delivery.report(failed=one_line(error))
    else:
        delivery.reader.discard()
        delivery.report(done=True)


def _await_ending(ending: "Ending") -> None:
    try:
        message = json.loads(sys.stdin.readline())
        ending.status, ending.summary = message["status"], message["summary"]
    except ValueError:  # no line, or half of one
        pass
    ending.came.set()


def _outlive_the_run() -> None:
    """Signals meant for the run end it, and the run (or its silence) ends this process."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)


def _take_standard_output() -> TextIO:
    """What libraries print must not mix with the answers: it goes to the log, as standard error does."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    main()
