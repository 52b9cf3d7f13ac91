"""`python -m fedrec.main`, which keeps the final embeddings beside its summary and may kill itself.

The variable FEDREC_TEST_KILL says when: `round:17` as the 17th round that the process trains begins, `disk:5` at the fifth time that it
waits for the disk, which is in the middle of writing a checkpoint.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from fedrec import experiment, main
from fedrec.federation.system import System

KILL = "FEDREC_TEST_KILL"
EMBEDDINGS = "embeddings.npz"


def counted(function: Callable[..., Any], last: int) -> Callable[..., Any]:
    """Return a function that does the same, but kills the process when it is called for the `last` time."""
    calls = []

    def call(*arguments: Any) -> Any:
        calls.append(None)
        if len(calls) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)

    return call


def keep_embeddings() -> None:
    end = experiment.Experiment._end

    def end_and_keep(self: experiment.Experiment, status: Any) -> None:
        end(self, status)
        model = self.system.global_model
        scorer = {f"scorer {name}": value.numpy() for name, value in model.scorer.items()}
        np.savez(self.info.folder / EMBEDDINGS, users=self.system.users.numpy(), items=model.items.numpy(), **scorer)

    experiment.Experiment._end = end_and_keep  # type: ignore[method-assign]


if __name__ == "__main__":
    what, _, number = os.environ.get(KILL, "").partition(":")
    if what == "round":
        System._train = counted(System._train, int(number))  # type: ignore[method-assign]
    if what == "disk":
        os.fsync = counted(os.fsync, int(number))
    keep_embeddings()
    sys.exit(main.main())
