"""What a program of somebody else may expect of a run inside it: one at a time, and errors in one line."""

import os
from collections.abc import Callable, Sequence
from threading import Lock
from traceback import walk_tb
from typing import TYPE_CHECKING, TypeVar

from fedrec.config.secrets import masked
from fedrec.config.validation import ConfigError
from fedrec.main import Stop, explained

if TYPE_CHECKING:  # it imports torch, and a mistake in an option is answered before that
    from fedrec.interfaces import Callback

Returned = TypeVar("Returned")

_going_on = Lock()  # Hydra and torch keep settings for the whole process


def alone(action: Callable[[], Returned], callbacks: "Sequence[Callback]" = ()) -> Returned:
    """Return what `action` returns. Raises ConfigError, one line, for bad input and while another run goes on in this process.

    What one of `callbacks` raises is raised as it is.
    """
    if not _going_on.acquire(blocking=False):
        raise ConfigError(
            "another run goes on in this process: wait for its end, or let fedrec.sweep run several, with hydra/launcher=joblib"
        )
    try:
        return action()
    except (Stop, Exception) as error:
        raised = in_one_line(error, callbacks)
    finally:
        _going_on.release()
    raise raised  # here, because above it would have the other error as its context, and with it all that the run holds in memory


def in_one_line(error: BaseException, callbacks: "Sequence[Callback]" = ()) -> BaseException:
    """Return what the caller shall see of an error: one line if it was bad input, and nothing of the way through Hydra."""
    failure, line = explained(error)
    if line is None or _comes_from(callbacks, failure):
        return failure
    told = ConfigError(masked(line))
    told.__cause__ = failure if os.environ.get("HYDRA_FULL_ERROR") == "1" else None
    return told


def _comes_from(callbacks: "Sequence[Callback]", error: BaseException) -> bool:
    """Return whether a method of a callback was at work when the error was raised."""
    at_work = [frame.f_locals.get("self") for frame, _ in walk_tb(error.__traceback__)]
    return any(callback is one for callback in callbacks for one in at_work)
