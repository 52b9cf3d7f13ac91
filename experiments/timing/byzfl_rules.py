"""Rules alone, on the upload of one round: ByzFL (Gonzalez et al., 2025) for one item after another, and this project for all at once.

ByzFL has its rows item by item in NumPy before its time starts, while this project must still sort the upload by item. ByzFL returns what
stands for one upload. Some of its definitions differ, see tests/defenses/test_against_byzfl.py.
"""

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any, cast

import numpy as np
import torch
from omegaconf import OmegaConf

from experiments.timing.federation_clock import FederationClock, elapsed
from experiments.timing.rows import RULES, Row, median_ms, number, quotient
from fedrec.aggregation.aggregate import aggregate
from fedrec.config.build import check
from fedrec.config.compose import compose
from fedrec.federation.system import System
from fedrec.interfaces import Aggregation, Aggregator, Defense, ServerKnowledge, ServerView, Upload

Rows = np.ndarray[Any, Any]  # [n, d] float32
Rule = Callable[[Rows], Rows]
COMPARED = (  # a rule, and its option `score` where ByzFL has the definition of the rule's own paper
    *("median", "trimmed_mean", "trimmed_mean score=original", "krum score=original", "multi_krum score=original"),
    *("geometric_median", "centered_clipping", "nnm"),
)


class Capture(Aggregator):
    """The plain sum, which keeps what the clients of the round sent."""

    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        self.upload, self.view = upload, view
        return aggregate(Defense(), upload, view)[0]


def rules_against_byzfl(source: Sequence[str], settled: int, turns: int = 5) -> Iterator[Row]:
    """Time each rule that ByzFL has, too, on the upload of a round under PIECK-UEA after `settled` rounds."""
    clock, capture = captured(source, settled)
    system = clock.experiment.system
    by_item, package = rows_by_item(capture.upload), aggregators()
    for name in COMPARED:
        defense, options = built(name, source, system)
        rules = [rule_of(package, name, options, len(rows)) for rows in by_item] if package else []
        theirs, own = list[float](), list[float]()
        for _ in range(turns):  # both take turns, so that a machine that is slow for a moment is slow for both
            theirs += [elapsed(partial(apply, rules, by_item), system.device)] if package else []
            fresh = [untouched(capture.upload) for _ in range(3)]
            own += [elapsed(partial(aggregate, defense, upload, capture.view), system.device) for upload in fresh]
        values = median_ms(theirs), median_ms(own)
        cells = [number(value) for value in (*values, quotient(*values))]
        yield Row(RULES, name if package else f"{name} (ByzFL is not installed)", cells, {"byzfl_ms": values[0], "now_ms": values[1]})


def captured(source: Sequence[str], settled: int) -> tuple[FederationClock, Capture]:
    """Return a federation under PIECK-UEA, and what was sent in its last round, the one after `settled` others."""
    clock, capture = FederationClock(), Capture()
    clock.prepare(*source, "attack=pieck_uea")
    clock.rounds(settled)
    clock.experiment.system.defense = Defense(server=capture)
    clock.rounds(1)
    return clock, capture


def untouched(upload: Upload) -> Upload:
    """Return the same upload as it arrives; an upload and its groups keep what was calculated of them once."""
    return replace(upload, groups=tuple(replace(group) for group in upload.groups))


def rows_by_item(upload: Upload) -> list[Rows]:
    """Return the rows of each item that somebody sent one for."""
    order = upload.items.argsort(stable=True)
    sizes = torch.bincount(upload.items[order])
    return [rows.numpy() for rows in upload.rows[order].split(sizes[sizes > 0].tolist())]


def built(name: str, source: Sequence[str], system: System) -> tuple[Defense, Mapping[str, Any]]:
    """Return a defense of conf/defense as a run has it, and its options."""
    rule, *score = name.split()
    checked = check(compose(*source, f"defense={rule}", *(f"defense.{option}" for option in score)))
    defense: Defense = checked.parts["defense"].build()
    if defense.server:
        known = (system.n_users + system.n_malicious, system.n_items, system.model, system.attack.known.loss)
        defense.server.setup(ServerKnowledge(*known, seed=0, device=system.device))
    return defense, cast(Mapping[str, Any], OmegaConf.to_container(checked.config["defense"], resolve=True))


def aggregators() -> ModuleType | None:
    """Return ByzFL's aggregators alone; importing the package would import torchvision, which fits one build of torch only."""
    spec = find_spec("byzfl")
    if spec is None:
        return None
    sys.modules["byzfl"] = module_from_spec(spec)  # it has its place and is not executed
    return importlib.import_module("byzfl.aggregators")


def apply(rules: Sequence[Rule], by_item: Sequence[Rows]) -> list[Rows]:
    return [rule(rows) for rule, rows in zip(rules, by_item, strict=True)]


def rule_of(package: ModuleType, name: str, options: Mapping[str, Any], n: int) -> Rule:
    """Return the object of ByzFL for n uploads."""
    f = int(options.get("malicious_share", 0.0) * n + 1e-9)
    rules: dict[str, Callable[[], Rule]] = {
        "median": package.Median,
        "trimmed_mean": lambda: (package.Meamed if options["score"] == "paper" else package.TrMean)(f),
        "krum": lambda: package.Krum(f),
        "multi_krum": lambda: package.MultiKrum(f),
        "geometric_median": lambda: package.GeometricMedian(nu=options["smoothing"], T=options["iterations"]),
        "centered_clipping": lambda: package.CenteredClipping(L=options["iterations"], tau=options["tau"]),
        "nnm": lambda: package.NNM(f),
    }
    return rules[name.split()[0]]()
