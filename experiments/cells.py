"""Experiments of conf/experiment -> cells: ordinary runs, each with a key that says whether it has been measured."""

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict

from experiments.code_version import code_version
from fedrec.composition import FOLDER
from fedrec.config import build, check
from fedrec.halves import check_choices
from fedrec.options import ConfigError
from fedrec.randomness import generator
from fedrec.sweeps.composer import Composer

FOLDERS = ("paper", "beyond")  # below conf/experiment
PUBLISHED = {"ml100k": "ml-100k", "ml1m": "ml-1m", "amazon_music": "az"}  # data set -> its folder in FEDREC_DATA
COUNTED = ("model", "attack", "defense", "system", "evaluation")  # groups that a result depends on, beside the data
ENGINE = (  # what every run depends on, whatever its groups choose
    *("fedrec.federation.system", "fedrec.evaluation.evaluator", "fedrec.evaluation.selection"),
    *("fedrec.attacks.targets", "fedrec.attacks.prior", "fedrec.randomness"),
)


@dataclass(frozen=True)
class Cell:
    """One run of an experiment. Cells of several experiments may be one and the same run, and then have the same key."""

    experiment: str  # for instance paper/table3
    choices: Mapping[str, str]  # what the grid of the experiment sets, as on the command line
    dataset: str
    seed: int
    overrides: tuple[str, ...]  # of `python -m fedrec.main`
    setting: str  # digest of all options but the seed, and of the data
    version: str  # of the code
    key: str  # digest of setting, seed and version

    @property
    def title(self) -> str:
        chosen = " ".join(f"{name}={value}" for name, value in self.choices.items())
        return f"{self.experiment.partition('/')[2]} {chosen} seed={self.seed}"


def experiments(only: Sequence[str] = ()) -> list[str]:
    """All experiments that have a grid, those of the paper first; `only`: those whose name starts so, fig5 for instance.

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
    """Composes the configuration of every cell; what is in FEDREC_DATA is taken from there, else it is downloaded."""

    context: HydraContext
    config: DictConfig
    _composer: Composer = field(init=False)
    _checksums: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._composer = Composer(self.context, self.config)

    def grid(self, experiment: str) -> list[list[str]]:
        """The overrides of every point of an experiment's grid, as `python -m fedrec.main -m` would run them."""
        base = self._composer.compose([f"experiment={experiment}"], [])
        parser = OverridesParser.create(config_loader=self.context.config_loader)
        overrides = parser.parse_overrides([f"{name}={values}" for name, values in base.hydra.sweeper.params.items()])
        (grid,) = BasicSweeper.split_arguments(overrides, max_batch_size=None)
        return [list(point) for point in grid]

    def cells(self, experiment: str, seeds: Mapping[str, range], datasets: Sequence[str]) -> list[Cell]:
        """Of these data sets, each with its seeds. Raises ConfigError if an option is wrong, or data cannot be had."""
        return [cell for point in self.grid(experiment) for cell in self.at(experiment, point, seeds, datasets)]

    def at(self, experiment: str, point: Sequence[str], seeds: Mapping[str, range], datasets: Sequence[str]) -> list[Cell]:
        """The cells of one point, one for each seed of its data set; none if the data set is not among these."""
        config = self._composer.compose([f"experiment={experiment}"], point)
        dataset = str(config.hydra.runtime.choices.dataset)
        if dataset not in datasets:
            return []
        source = _source(dataset)
        check_choices(config.hydra)
        with open_dict(config):
            del config["hydra"]
            config.dataset.root = source
        check(config)
        plain: Any = OmegaConf.to_container(config, resolve=True)
        counted = {name: plain[name] for name in COUNTED}
        version = code_version({*ENGINE, *(target.rpartition(".")[0] for target in _targets(counted))})
        choices = dict(text.split("=", 1) for text in point)
        given = (f"experiment={experiment}", *point, *([f"dataset.root={source}"] if source else []))
        cells = []
        for seed in seeds[dataset]:
            setting = _digest([counted, self._checksum(config, seed)])
            overrides = (*given, f"seed={seed}")
            cells.append(Cell(experiment, choices, dataset, seed, overrides, setting, version, _digest([setting, seed, version])))
        return cells

    def _checksum(self, config: DictConfig, seed: int) -> str:
        """Of the split, once for each data set and seed."""
        name = json.dumps([OmegaConf.to_container(config.dataset, resolve=True), seed])
        if name not in self._checksums:
            try:
                self._checksums[name] = build(config.dataset).load(generator(seed, "split")).checksum()
            except ValueError as error:
                raise ConfigError(str(error)) from error
        return self._checksums[name]


def _source(dataset: str) -> str | None:
    """The folder with a published split, None if FEDREC_DATA names none."""
    folder = os.environ.get("FEDREC_DATA")
    return str(Path(folder) / PUBLISHED[dataset]) if folder and dataset in PUBLISHED else None


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
