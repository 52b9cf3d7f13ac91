"""Rows about rounds with device=cuda."""

from collections.abc import Iterator, Sequence

import torch

from experiments.timing.checkouts import Checkout, Checkouts
from experiments.timing.growth import Size, synthetic
from experiments.timing.round_rows import ml_100k
from experiments.timing.rows import GPU, Row, median_ms, number, quotient


def on_gpu(checkouts: Checkouts) -> Iterator[Row]:
    """Time rounds with device=cuda, if there is a GPU, and the same on the CPU."""
    if not torch.cuda.is_available():
        yield Row(GPU, "no GPU here: nothing with device=cuda was measured", ["-"] * 3)
        return
    for size in ((943, 1682, 256), (10_000, 10_000, 1024), (10_000, 10_000, 4096)):
        data = ml_100k() if size[0] == 943 else synthetic(*size)
        for defense in ("none", "ours", "median", "krum", "multi_krum"):
            yield gpu_row(checkouts.now, size, [*data, "attack=pieck_uea", f"defense={defense}"], defense)


def gpu_row(checkout: Checkout, size: Size, options: Sequence[str], defense: str) -> Row:
    """Time rounds of a federation on both devices."""
    seconds = {}
    for device in ("cpu", "cuda"):
        checkout.prepare(*options, f"device={device}")
        checkout.rounds(2)
        seconds[device] = median_ms(checkout.rounds(6))
    cells = [number(value) for value in (*seconds.values(), quotient(seconds["cpu"], seconds["cuda"]))]
    name = "{:,} users, {:,} items, {:,} a round".format(*size)
    return Row(GPU, f"{name}, {defense}", cells, {f"{device}_ms": value for device, value in seconds.items()})
