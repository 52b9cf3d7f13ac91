"""What a table needs of this machine's memory, before it is read. The figures were measured with up to 100 million rows of CSV."""

import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)

BYTES_OF_A_ROW = 40  # of a table with times, while one order of the rows is made from the other; ids that are text come on top
LEAST_BYTES_OF_A_ROW = 12  # users, items, and the items once more while they are split
PROCESS = 650_000_000  # bytes of the program, of the blocks of a file and of what the readers keep
LARGE = 2_000_000_000
LARGE_SHARE = 0.25  # of the free memory
MOST_ROWS = 2**31 - 1  # they are counted with 32 bits


def require_memory(name: str, n_rows: int) -> None:
    """Say what a table of so many rows needs if that is much. Raises ValueError in one line if it surely fits nowhere on this machine."""
    if n_rows > MOST_ROWS:
        raise ValueError(f"{name} has {n_rows:,} rows; at most {MOST_ROWS:,} can be counted")
    free, whole = memory()
    if whole is not None and n_rows * LEAST_BYTES_OF_A_ROW > whole:
        raise ValueError(
            f"{name} has {n_rows:,} rows, which need {_shown(n_rows * LEAST_BYTES_OF_A_ROW)} of memory at the very least; "
            f"this machine has {_shown(whole)}"
        )
    need = PROCESS + n_rows * BYTES_OF_A_ROW
    if need > LARGE or (free is not None and need > LARGE_SHARE * free):
        level = logging.WARNING if free is not None and need > free else logging.INFO
        told = "" if free is None else f"; {_shown(free)} are free"
        log.log(level, "%s has about %s rows and needs about %s of memory%s", name, f"{n_rows:,}", _shown(need), told)


def memory() -> tuple[int | None, int | None]:
    """Return the free memory and all memory in bytes, swap space included, None where the system does not tell."""
    try:
        lines = (line.split() for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
        kilobytes = {words[0].rstrip(":"): int(words[1]) for words in lines if len(words) > 1}
        swap = kilobytes.get("SwapFree", 0), kilobytes.get("SwapTotal", 0)
        return 1024 * (kilobytes["MemAvailable"] + swap[0]), 1024 * (kilobytes["MemTotal"] + swap[1])
    except (OSError, ValueError, KeyError):
        pass
    try:
        return None, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError, AttributeError):
        return None, None


def _shown(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB"
