"""What the rows of the benchmark have in common."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Row = dict[str, Any]  # name, result and target as text, and the numbers behind them


def data_folder() -> Path:
    """Return the folder of the published splits. End the program if there is none."""
    if "FEDREC_DATA" not in os.environ:
        sys.exit("error: the benchmark needs FEDREC_DATA, a folder with ml-100k and az (train.txt, test.txt)")
    return Path(os.environ["FEDREC_DATA"]).absolute()


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def ratio(name: str, slow: float, fast: float, target: str) -> Row:
    """Return the row that compares the seconds of two ways."""
    result = f"{slow / fast:.0f}x ({1e3 * slow:.1f} ms -> {1e3 * fast:.2f} ms)"
    return {"name": name, "slow_s": slow, "fast_s": fast, "ratio": slow / fast, "result": result, "target": target}
