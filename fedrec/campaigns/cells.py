"""Experiments of conf/experiment as cells: each cell is an ordinary run, and its key says what its result depends on."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf

from fedrec.config.build import build, check
from fedrec.config.validation import ConfigError
from fedrec.identity.run_identity import ALONE, counted_options, digest, version_of
from fedrec.interfaces import Split
from fedrec.randomness import generator
from fedrec.sweeps.hydra_jobs import Composer


@dataclass(frozen=True)
class Cell:
    """One run of an experiment. Cells of several experiments share a key if they are the same run."""

    experiment: str  # for instance paper/table3
    point: tuple[str, ...]  # of the experiment's grid, as overrides
    dataset: str
    seed: int
    setting: str  # digest of the data and of all options but the seed
    version: str  # digest of the code
    key: str  # digest of setting, seed and version

    @property
    def overrides(self) -> list[str]:
        """The arguments of `python -m fedrec.main` that run the cell."""
        return [f"experiment={self.experiment}", *self.point, f"seed={self.seed}"]

    @property
    def title(self) -> str:
        return " ".join([self.experiment.rpartition("/")[2], *self.point, f"seed={self.seed}"])


@dataclass
class Planner:
    """Composes the configuration of every cell."""

    context: HydraContext
    config: DictConfig  # as launchers get it
    arguments: Sequence[str]  # overrides that all runs have in common
    roots: Mapping[str, Path]  # data set -> the folder that it is read from; others keep their own `dataset.root`
    recorder: str  # module of the `Recorder`; like `ALONE`, it counts without what it imports
    _composer: Composer = field(init=False)
    _checksums: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._composer = Composer(self.context, self.config)

    @classmethod
    def of(cls, folder: Path, settings: Sequence[str], arguments: Sequence[str], roots: Mapping[str, Path], recorder: str) -> "Planner":
        """Return a planner of runs in `folder`; `settings` override Hydra's own options. Hydra must be initialised."""
        loader = GlobalHydra.instance().config_loader()
        quoted = str(folder).replace("'", "\\'")
        own = ["hydra/sweeper=fedrec_optuna", "hydra/hydra_logging=none", f"hydra.sweep.dir='{quoted}'"]
        config = loader.load_configuration("config", [*own, *settings, *arguments], RunMode.MULTIRUN)
        return cls(HydraContext(config_loader=loader, callbacks=Callbacks()), config, arguments, roots, recorder)

    def grid(self, experiment: str) -> list[tuple[str, ...]]:
        """Return the overrides of every point of an experiment's grid, as `python -m fedrec.main -m` would run them."""
        params = self.compose(experiment, ()).hydra.sweeper.params
        parser = OverridesParser.create(config_loader=self.context.config_loader)
        overrides = parser.parse_overrides([f"{name}={values}" for name, values in params.items()])
        (points,) = BasicSweeper.split_arguments(overrides, max_batch_size=None)
        return [tuple(point) for point in points]

    def cells(self, experiment: str, point: tuple[str, ...], seeds: Callable[[str], range]) -> list[Cell]:
        """Return the cells of a point with the seeds of its data set. Raises ConfigError if an option is wrong or data cannot be read."""
        config = self.compose(experiment, point)
        found = seeds(str(config.hydra.runtime.choices.dataset))
        if found:
            check(config)
        return self.cells_of(config, experiment, point, found)

    def cells_of(self, config: DictConfig, experiment: str, point: tuple[str, ...], seeds: Iterable[int]) -> list[Cell]:
        """Return the cells of a point whose configuration is known. Raises ConfigError if its data cannot be obtained."""
        dataset = str(config.hydra.runtime.choices.dataset)
        counted = counted_options(config)
        return [Cell(experiment, point, dataset, seed, *self._identity(counted, config.dataset, seed)) for seed in seeds]

    def compose(self, experiment: str, point: Sequence[str]) -> DictConfig:
        """Return the configuration of a point, with the node `hydra`. No data is read."""
        config = self._composer.compose([f"experiment={experiment}", *self.arguments], point)
        if root := self.roots.get(str(config.hydra.runtime.choices.dataset)):
            config.dataset.root = str(root)
        return config

    def identify(self, config: DictConfig, seed: int) -> tuple[str, str, str]:
        """Return setting, version and key of a run. Raises ConfigError if its data cannot be obtained."""
        return self._identity(counted_options(config), config.dataset, seed)

    def _identity(self, counted: Mapping[str, Any], dataset: DictConfig, seed: int) -> tuple[str, str, str]:
        version, setting = version_of(counted, (*ALONE, self.recorder)), digest([counted, self.checksum(dataset, seed)])
        return setting, version, digest([setting, seed, version])

    def checksum(self, dataset: DictConfig, seed: int) -> str:
        """Return the checksum of a split, which is computed once for each data set and seed. Raises ConfigError without data."""
        name = json.dumps([OmegaConf.to_container(dataset, resolve=True), seed])
        if name not in self._checksums:
            try:
                self._checksums[name] = self.split(dataset, seed).checksum()
            except ValueError as error:
                raise ConfigError(str(error)) from error
        return self._checksums[name]

    def split(self, dataset: DictConfig, seed: int) -> Split:
        """Load a split. Raises ValueError if the data cannot be obtained."""
        split: Split = build(dataset).load(generator(seed, "split"))
        return split
