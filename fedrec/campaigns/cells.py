"""Experiments of conf/experiment -> cells: ordinary runs, each with a key that says whether it has been measured."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict

from fedrec.campaigns.code_version import code_version
from fedrec.config.build import build, check
from fedrec.config.compose import FOLDER
from fedrec.config.halves import check_choices
from fedrec.config.validation import ConfigError
from fedrec.randomness import generator
from fedrec.sweeps.composer import Composer

FOLDERS = ("paper", "beyond")  # below conf/experiment
PUBLISHED = {"ml100k": "ml-100k", "ml1m": "ml-1m", "amazon_music": "az"}  # the paper's data sets -> their folders in FEDREC_DATA
COUNTED = ("model", "attack", "defense", "system", "evaluation", "device")  # what a result depends on, beside seed, data and code
ENGINE = (  # modules that every run depends on, whatever its groups choose
    *("fedrec.federation.system", "fedrec.evaluation.evaluator", "fedrec.evaluation.epoch_selection"),
    *("fedrec.poisoning.targets", "fedrec.poisoning.prior_knowledge", "fedrec.randomness"),
)
ALONE = ("fedrec.experiment", "fedrec.campaigns.recording")  # most of what they import only shows or stores


@dataclass(frozen=True)
class Cell:
    """One run of an experiment. Cells of several experiments may be one and the same run, and then have the same key."""

    experiment: str  # for instance paper/table3
    point: tuple[str, ...]  # of its grid, overrides
    dataset: str
    seed: int
    setting: str  # digest of all options but the seed, and of the data
    version: str  # of the code
    key: str  # digest of setting, seed and version

    @property
    def overrides(self) -> list[str]:
        """Of `python -m fedrec.main`."""
        return [f"experiment={self.experiment}", *self.point, f"seed={self.seed}"]

    @property
    def title(self) -> str:
        return " ".join([self.experiment.partition("/")[2], *self.point, f"seed={self.seed}"])


def experiments(only: Sequence[str] = ()) -> list[str]:
    """All experiments, those of the paper first; `only`: those whose name starts so, fig5 for instance.

    Raises ConfigError if nothing does.
    """
    names = [
        f"{folder}/{path.stem}" for folder in FOLDERS for path in sorted((FOLDER / "experiment" / folder).glob("*.yaml"), key=_natural)
    ]
    for wanted in only:
        if not any(_starts(name, wanted) for name in names):
            raise ConfigError(f"only={wanted}: no such experiment; there are {', '.join(name.partition('/')[2] for name in names)}")
    return [name for name in names if not only or any(_starts(name, wanted) for wanted in only)]


@dataclass
class Planner:
    """Composes the configuration of every cell; data sets that lie in FEDREC_DATA are taken from there."""

    context: HydraContext
    config: DictConfig  # as launchers get it
    arguments: Sequence[str]  # overrides that all runs have in common
    _composer: Composer = field(init=False)
    _checksums: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._composer = Composer(self.context, self.config)

    def grid(self, experiment: str) -> list[tuple[str, ...]]:
        """The overrides of every point of an experiment's grid, as `python -m fedrec.main -m` would run them."""
        params = self.compose(experiment, ()).hydra.sweeper.params
        parser = OverridesParser.create(config_loader=self.context.config_loader)
        overrides = parser.parse_overrides([f"{name}={values}" for name, values in params.items()])
        (points,) = BasicSweeper.split_arguments(overrides, max_batch_size=None)
        return [tuple(point) for point in points]

    def cells(self, experiment: str, point: tuple[str, ...], seeds: Callable[[str], range]) -> list[Cell]:
        """The cells of a point, with the seeds that its data set has. Raises ConfigError if an option is wrong, or data cannot be had."""
        config = self.compose(experiment, point)
        dataset = str(config.hydra.runtime.choices.dataset)
        found = seeds(dataset)
        if found:
            check_choices(config.hydra)
            job = config.copy()
            with open_dict(job):
                del job["hydra"]
            check(job)
        return [Cell(experiment, point, dataset, seed, *self.identify(config, seed)) for seed in found]

    def compose(self, experiment: str, point: Sequence[str]) -> DictConfig:
        """With the node `hydra`; no data is looked at."""
        config = self._composer.compose([f"experiment={experiment}", *self.arguments], point)
        published, folder = os.environ.get("FEDREC_DATA"), PUBLISHED.get(str(config.hydra.runtime.choices.dataset))
        if published and folder and (Path(published) / folder).is_dir():
            config.dataset.root = str(Path(published) / folder)
        return config

    def identify(self, config: DictConfig, seed: int) -> tuple[str, str, str]:
        """Setting, version and key of a run. Raises ConfigError if its data cannot be had."""
        nodes = {name: config[name] for name in COUNTED}
        counted = {name: OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node for name, node in nodes.items()}
        version = code_version({*ENGINE, *(target.rpartition(".")[0] for target in _targets(counted))}, ALONE)
        setting = _digest([counted, self._checksum(config.dataset, seed)])
        return setting, version, _digest([setting, seed, version])

    def _checksum(self, dataset: DictConfig, seed: int) -> str:
        """Of the split, once for each data set and seed."""
        name = json.dumps([OmegaConf.to_container(dataset, resolve=True), seed])
        if name not in self._checksums:
            try:
                self._checksums[name] = build(dataset).load(generator(seed, "split")).checksum()
            except ValueError as error:
                raise ConfigError(str(error)) from error
        return self._checksums[name]


def _targets(node: Any) -> list[str]:
    if not isinstance(node, Mapping):
        return []
    own = [str(node["_target_"])] if "_target_" in node else []
    return [*own, *(target for child in node.values() for target in _targets(child))]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _starts(name: str, wanted: str) -> bool:
    """Whether `wanted` is the start of a name, and of its number: table means all tables, table1 not table11."""
    own = name.partition("/")[2]
    return own.startswith(wanted) and not (wanted[-1:].isdigit() and own[len(wanted) :][:1].isdigit())


def _natural(path: Path) -> tuple[bool, int, str]:
    """Tables before figures, table9 before table10."""
    number = re.search(r"\d+", path.stem)
    return not path.stem.startswith("table"), int(number[0]) if number else 0, path.stem
