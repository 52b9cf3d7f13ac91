"""Draws ER@10 over the rounds of run folders: `python -m experiments.exposure_over_rounds PICTURE.png LABEL=FOLDER ...`.

Labels that begin with the same word, up to a comma, share a colour; those that end in `simulation` are crosses.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from fedrec.comparison.colours import PALETTE


def draw(path: Path, runs: Sequence[tuple[str, Path]]) -> None:
    """Write the picture of runs, each a label and a folder that holds `evaluations.parquet`."""
    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    kinds = list(dict.fromkeys(label.partition(",")[0] for label, _ in runs))
    for label, folder in runs:
        metrics = pd.read_parquet(folder / "evaluations.parquet")
        crosses, colour = label.endswith("simulation"), PALETTE[kinds.index(label.partition(",")[0]) % len(PALETTE)]
        style = {"linestyle": "none", "marker": "x"} if crosses else {"linestyle": "-", "marker": "o", "markersize": 4.0}
        axes.plot(metrics["round"], 100 * metrics["ER@10"], label=label, color=colour, **style)
    axes.set(xlabel="round", ylabel="ER@10 in %", ylim=(-2, 102))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def main(arguments: Sequence[str]) -> int:
    """Draw what the arguments name, and return the exit status."""
    pairs = [argument.partition("=")[::2] for argument in arguments[1:]]
    if not pairs or not all(label and (Path(folder) / "evaluations.parquet").is_file() for label, folder in pairs):
        print("error: expected PICTURE.png LABEL=FOLDER ..., each FOLDER with evaluations.parquet", file=sys.stderr)
        return 2
    draw(Path(arguments[0]), [(label, Path(folder)) for label, folder in pairs])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
