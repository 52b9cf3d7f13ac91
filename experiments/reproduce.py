"""The main figures, measured next to the paper's: `python -m experiments.reproduce [--match TEXT] [--seeds 3] [--json FILE]`.

Needs FEDREC_DATA (see README). Every run is an ordinary run of the published protocol: 300 epochs, the epoch with the best HR@10.
"""

import argparse
import json
import os
import statistics
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from fedrec.composition import compose


@dataclass(frozen=True)
class Cell:
    """One setting, and what the paper prints for it in percent (None: it prints nothing)."""

    dataset: str
    name: str
    overrides: tuple[str, ...]
    paper_er: float | None
    paper_hr: float | None


@dataclass(frozen=True)
class Outcome:
    """ER@10 and HR@10 of one seed, in [0, 1], at the epoch with the best HR@10 and at the last."""

    seed: int
    target: int
    epoch: int
    er: float
    hr: float
    final_er: float
    final_hr: float


IPE, UEA, OURS, DL = "attack=pieck_ipe", "attack=pieck_uea", "defense=ours", "model=ncf"
FEDRECA, PIPA, A_RA, A_HUM = "attack=fedreca", "attack=pipa", "attack=a_ra", "attack=a_hum"
NAMES = {A_HUM: "A-hum", IPE: "PIECK-IPE", UEA: "PIECK-UEA"}
KNOWN, POPULARITY = ("attack.prior=interactions", "attack.known_share=1.0"), "attack.prior=popularity"
MF_TARGET = "attack.targets=[467]"  # what the published code of MF-FRS draws on ML-100K: 65 interactions
DL_TARGET = "attack.targets=unpopular"  # what that of DL-FRS says it takes: an item with the fewest interactions
DEFENSES = {"no defense": "none", "NormBound": "norm_bound", "Median": "median", "TrimmedMean": "trimmed_mean", "Krum": "krum"}
DEFENSES |= {"MultiKrum": "multi_krum", "Bulyan": "bulyan", "ours": "ours"}
TABLE_IV = {  # ER@10, HR@10 against A-hum, PIECK-IPE and PIECK-UEA under MF-FRS, then under DL-FRS
    "no defense": (31.09, 57.05, 87.47, 57.69, 93.39, 57.69, 100.00, 45.07, 100.00, 45.39, 100.00, 45.39),
    "NormBound": (0.00, 55.14, 0.00, 55.14, 0.11, 55.25, 100.00, 45.17, 100.00, 45.60, 100.00, 45.17),
    "Median": (0.00, 54.83, 0.00, 54.72, 0.00, 54.93, 100.00, 43.90, 100.00, 44.86, 100.00, 44.11),
    "TrimmedMean": (34.51, 55.46, 81.78, 56.73, 48.52, 55.89, 100.00, 45.39, 100.00, 45.28, 100.00, 45.71),
    "Krum": (0.00, 51.22, 0.00, 51.22, 0.00, 51.33, 100.00, 43.58, 100.00, 43.16, 100.00, 44.11),
    "MultiKrum": (29.84, 55.89, 79.04, 55.89, 59.23, 55.67, 100.00, 44.96, 100.00, 45.49, 100.00, 45.36),
    "Bulyan": (33.71, 54.61, 49.43, 54.72, 79.04, 55.25, 100.00, 44.33, 100.00, 44.54, 100.00, 44.64),
    "ours": (0.00, 58.11, 1.25, 56.31, 0.00, 55.89, 0.00, 43.58, 0.00, 44.43, 0.00, 43.69),
}


def table_iv() -> Iterator[Cell]:
    """Every defense against every attack on the published code's target; PIECK-UEA under MF-FRS on randomly drawn ones, too."""
    for defense, paper in TABLE_IV.items():
        settings = [(model, attack) for model in ((), (DL,)) for attack in (A_HUM, IPE, UEA)]
        for (model, attack), er, hr in zip(settings, paper[::2], paper[1::2], strict=True):
            name, options = f"{NAMES[attack]}, {defense}", (attack, f"defense={DEFENSES[defense]}")
            if model:
                yield Cell("ml-100k", f"DL, {name}, unpopular target", (DL, *options, DL_TARGET), er, hr)
            else:
                yield Cell("ml-100k", f"{name}, target 467", (*options, MF_TARGET), er, hr)
                if attack == UEA and defense not in ("no defense", "ours"):
                    yield Cell("ml-100k", name, options, None, None)


FURTHER = {"geometric median": "geometric_median", "centered clipping": "centered_clipping", "FoolsGold": "foolsgold", "FLTrust": "fltrust"}
FURTHER |= {"HiCS": "hics", "Krum, whole updates": "krum defense.scope=whole_update", "NNM and Median": "[nnm,median]"}
FURTHER |= {"NormBound and Krum": "[norm_bound,krum]", "ours and Median": "[ours,median]"}


def further_defenses() -> Iterator[Cell]:
    """Those that the paper does not try, against PIECK-UEA."""
    for name, choice in FURTHER.items():
        for prefix, suffix, options in (("", "target 467", (MF_TARGET,)), ("DL, ", "unpopular target", (DL, DL_TARGET))):
            yield Cell("ml-100k", f"{prefix}PIECK-UEA, {name}, {suffix}", (UEA, *f"defense={choice}".split(), *options), None, None)


CELLS = (
    Cell("ml-100k", "no attack", (), 0.23, 57.16),
    Cell("ml-100k", "FedRecA", (FEDRECA,), 0.23, 57.58),
    Cell("ml-100k", "PIPA", (PIPA,), 26.42, 56.95),
    Cell("ml-100k", "A-ra", (A_RA,), 0.11, 56.95),
    Cell("ml-100k", "A-hum", (A_HUM,), 31.09, 57.05),
    Cell("ml-100k", "PIECK-IPE", (IPE,), 87.47, 57.69),
    Cell("ml-100k", "PIECK-UEA, N = 50", (UEA,), 93.39, 57.69),
    Cell("ml-100k", "PIECK-UEA, N = 150", (UEA, "attack.N=150"), None, None),
    Cell("ml-100k", "random", ("attack=random",), None, None),
    Cell("ml-100k", "popular", ("attack=popular",), None, None),
    Cell("ml-100k", "bandwagon", ("attack=bandwagon",), None, None),
    Cell("ml-100k", "FedRecA, 1 % known", (FEDRECA, KNOWN[0]), None, None),
    Cell("ml-100k", "FedRecA, all known", (FEDRECA, *KNOWN), None, None),
    Cell("ml-100k", "PIPA, popularity known", (PIPA, POPULARITY), None, None),
    Cell("ml-100k", "A-hum, ours", (A_HUM, OURS), 0.00, 58.11),
    Cell("ml-100k", "PIECK-IPE, ours", (IPE, OURS), 1.25, 56.31),
    Cell("ml-100k", "PIECK-UEA, ours", (UEA, OURS), 0.00, 55.89),
    Cell("ml-100k", "DL, no attack", (DL,), 0.00, 45.60),
    Cell("ml-100k", "DL, FedRecA", (DL, FEDRECA), 0.00, 45.28),
    Cell("ml-100k", "DL, PIPA", (DL, PIPA), 100.00, 44.96),
    Cell("ml-100k", "DL, A-ra", (DL, A_RA), 100.00, 45.07),
    Cell("ml-100k", "DL, A-hum", (DL, A_HUM), 100.00, 45.07),
    Cell("ml-100k", "DL, PIECK-IPE", (DL, IPE), 100.00, 45.39),
    Cell("ml-100k", "DL, PIECK-UEA", (DL, UEA), 100.00, 45.39),
    Cell("ml-100k", "DL, random", (DL, "attack=random"), None, None),
    Cell("ml-100k", "DL, popular", (DL, "attack=popular"), None, None),
    Cell("ml-100k", "DL, bandwagon", (DL, "attack=bandwagon"), None, None),
    Cell("ml-100k", "DL, FedRecA, all known", (DL, FEDRECA, *KNOWN), None, None),
    Cell("ml-100k", "DL, PIPA, ours", (DL, PIPA, OURS), None, None),
    Cell("ml-100k", "DL, A-ra, ours", (DL, A_RA, OURS), None, None),
    Cell("ml-100k", "DL, A-hum, ours", (DL, A_HUM, OURS), 0.00, 43.58),
    Cell("ml-100k", "DL, PIECK-IPE, ours", (DL, IPE, OURS), 0.00, 44.43),
    Cell("ml-100k", "DL, PIECK-UEA, ours", (DL, UEA, OURS), 0.00, 43.69),
    *table_iv(),
    *further_defenses(),
    Cell("ml-1m", "no attack", (), 0.00, 61.32),
    Cell("ml-1m", "PIECK-UEA, N = 50", (UEA,), 98.04, 61.03),
)


def measure(cell: Cell, seed: int) -> Outcome:
    """One whole run, on one core."""
    from fedrec.experiment import prepare

    source = ["dataset=presplit", f"dataset.root={os.environ['FEDREC_DATA']}/{cell.dataset}"]
    options = [f"seed={seed}", "threads=1", "device=cpu", "tracking=none", "evaluation.metrics=[ER,HR]"]
    with TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere:
        sys.stderr = sys.stdout = nowhere  # the progress of several runs at once tells nothing
        try:
            experiment = prepare(compose(*source, *options, *cell.overrides), Path(folder))
            experiment.train()
        finally:
            sys.stderr, sys.stdout = sys.__stderr__, sys.__stdout__
        summary = experiment.summary("FINISHED")
    best, final = summary["best"], summary["final"]
    target = summary["target_items"][0]
    return Outcome(seed, target, best["epoch"], best["ER@10"], best["HR@10"], final["ER@10"], final["HR@10"])


def measure_all(cells: list[Cell], seeds: int, workers: int) -> dict[Cell, list[Outcome]]:
    """Every cell with seeds 0, 1, ...; ML-1M, ten times the work, with seed 0 only."""
    jobs = [(cell, seed) for cell in cells for seed in range(seeds if cell.dataset == "ml-100k" else 1)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        outcomes = pool.map(measure, *zip(*jobs, strict=True))
        results: dict[Cell, list[Outcome]] = {}
        for (cell, _), outcome in zip(jobs, outcomes, strict=True):
            results.setdefault(cell, []).append(outcome)
            print(f"{cell.dataset} {cell.name}: {outcome}", file=sys.stderr, flush=True)
    return results


def mean(values: list[float]) -> str:
    """In percent, with the standard error over seeds."""
    spread = f" ± {100 * statistics.stdev(values) / len(values) ** 0.5:.1f}" if len(values) > 1 else ""
    return f"{100 * statistics.mean(values):.2f}{spread}"


def show(results: dict[Cell, list[Outcome]]) -> None:
    table = Table(
        "data", "setting", "paper ER@10", "ER@10", "paper HR@10", "HR@10", "last epoch ER@10", "HR@10", title="percent, mean over seeds"
    )
    for cell, runs in results.items():
        paper = ["" if value is None else f"{value:.2f}" for value in (cell.paper_er, cell.paper_hr)]
        measured = [mean([getattr(run, name) for run in runs]) for name in ("er", "hr", "final_er", "final_hr")]
        table.add_row(cell.dataset, cell.name, paper[0], measured[0], paper[1], *measured[1:])
    Console(width=130).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=sorted({cell.dataset for cell in CELLS}), help="one data set")
    parser.add_argument("--match", default="", metavar="TEXT", help="settings whose name contains TEXT, for instance Krum or 467")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0, 1, ... of ML-100K (default 3)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="runs at the same time (default: cores)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every seed's figures to a file, too")
    options = parser.parse_args()
    if "FEDREC_DATA" not in os.environ:
        sys.exit("error: set FEDREC_DATA to a folder with ml-100k and ml-1m (train.txt, test.txt)")
    chosen = [cell for cell in CELLS if options.only in (None, cell.dataset) and options.match in cell.name]
    if not chosen:
        sys.exit(f"error: no setting's name contains {options.match!r}; names are: {', '.join(cell.name for cell in CELLS)}")
    results = measure_all(chosen, options.seeds, options.workers)
    show(results)
    if options.json:
        cells = [{**asdict(cell), "runs": [asdict(run) for run in runs]} for cell, runs in results.items()]
        options.json.write_text(json.dumps(cells, indent=2))


if __name__ == "__main__":
    main()
