"""Which cells the leaderboard wants, part by part. What two of the parts want depends on what has been measured so far."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as declared

from omegaconf import DictConfig, OmegaConf

from experiments.leaderboards.board_options import BoardOptions
from experiments.leaderboards.board_record import SHARED, common
from experiments.leaderboards.field import NONE, Field
from fedrec.campaigns.cells import Cell, Planner
from fedrec.config.build import check

FOLDER = "leaderboard"  # of the experiments, below conf/experiment
EXPERIMENTS: Mapping[str, Sequence[str]] = {
    "ml100k": ("leaderboard/ml100k",),
    "shares": ("leaderboard/shares_ml100k", "leaderboard/shares_steam"),
    "combinations": ("leaderboard/combinations",),
    "large": ("leaderboard/large",),
}
Point = tuple[str, ...]  # overrides


@dataclass
class Wanted:
    """Composes cells. Attack and defense are composed apart, since together they would be a thousand configurations."""

    planner: Planner
    options: BoardOptions
    field: Field
    _composed: dict[tuple[str, Point], DictConfig] = declared(default_factory=dict, init=False)
    _common: dict[tuple[str, Point, int], dict[str, str]] = declared(default_factory=dict, init=False)
    _grids: dict[str, list[Point]] = declared(default_factory=dict, init=False)
    _cells: dict[tuple[str, Point, tuple[int, ...]], list[Cell]] = declared(default_factory=dict, init=False)

    def ml100k(self) -> list[Cell]:
        """Return the cells of every attack against every defense."""
        return self._all(self._points("leaderboard/ml100k"), "leaderboard/ml100k", self.field.attacks, self.options.seeds)

    def comparable(self, part: str) -> list[Cell]:
        """Return those of `ml100k` with the models that another part has."""
        models = {_named("model", point) for name in EXPERIMENTS[part] for point in self.grid(name)}
        return [cell for cell in self.ml100k() if _named("model", cell.point) in models]

    def shares(self) -> list[Cell]:
        """Return the cells of every attack at every share of malicious clients."""
        experiments, seeds = EXPERIMENTS["shares"], (self.options.seeds, self.options.large_seeds)
        pairs = zip(experiments, seeds, strict=True)
        return [cell for name, n in pairs for point in self._points(name) for cell in self._against(name, point, self.field.attacks, n)]

    def large(self, strongest: Sequence[str]) -> list[Cell]:
        """Return the cells of some attacks against every defense on the other data sets."""
        points = [point for point in self._points("leaderboard/large") if _named("dataset", point) in self.options.large_datasets]
        return self._all(points, "leaderboard/large", [NONE, *strongest], self.options.large_seeds)

    def row(self, experiment: str, defense: str, attack: str, seeds: Iterable[int]) -> list[Cell]:
        """Return the cells of one attack against one defense."""
        return [cell for point in self._points(experiment) for cell in self.cells(experiment, point, attack, defense, seeds)]

    def cells(self, experiment: str, point: Point, attack: str, defense: str, seeds: Iterable[int]) -> list[Cell]:
        """Return the cells of an attack and a defense at a point of the experiment's grid."""
        choices = (f"attack={attack}", f"defense={defense}")
        name = experiment, (*point, *choices), tuple(seeds)
        if name not in self._cells:
            config, other = (self._configuration(experiment, (*point, choice)) for choice in choices)
            config.defense = other.defense
            self._cells[name] = self.planner.cells_of(config, *name)
        return self._cells[name]

    def common(self, cell: Cell) -> dict[str, str]:
        """Return what `BoardRecord` keeps as common of a run of this experiment, data set, model and seed today."""
        place = cell.experiment, rest_of(cell.point), cell.seed
        if place not in self._common:
            config = self._configuration(*place[:2])
            groups = {name: config[name] for name in SHARED}
            options = {name: OmegaConf.to_container(one, resolve=True) if OmegaConf.is_config(one) else one for name, one in groups.items()}
            self._common[place] = common(options, self.planner.checksum(config.dataset, cell.seed))
        return self._common[place]

    def grid(self, experiment: str) -> list[Point]:
        """Return the points of an experiment's grid, to which attack and defense are added unless it names them."""
        if experiment not in self._grids:
            self._grids[experiment] = self.planner.grid(experiment)
        return self._grids[experiment]

    def _all(self, points: Sequence[Point], experiment: str, attacks: Sequence[str], seeds: int) -> list[Cell]:
        rows = product_of(points, attacks, self.field.defenses)
        return [cell for point, attack, defense in rows for cell in self.cells(experiment, point, attack, defense, range(seeds))]

    def _against(self, experiment: str, point: Point, attacks: Sequence[str], seeds: int) -> Iterator[Cell]:
        """Yield the cells of a point that names its defense."""
        rest = rest_of(point)
        (defense,) = (text.partition("=")[2] for text in point if text.startswith("defense="))
        for attack in attacks:
            yield from self.cells(experiment, rest, attack, defense, range(seeds))

    def _points(self, experiment: str) -> list[Point]:
        """Return the points of an experiment's grid whose model takes part."""
        return [point for point in self.grid(experiment) if _named("model", point) in self.field.models]

    def _configuration(self, experiment: str, point: Point) -> DictConfig:
        """Return a checked configuration, which is composed once. Raises ConfigError if an option is wrong."""
        if (experiment, point) not in self._composed:
            config = self.planner.compose(experiment, point)
            check(config)
            self._composed[experiment, point] = config
        return self._composed[experiment, point]


def product_of(points: Sequence[Point], attacks: Sequence[str], defenses: Sequence[str]) -> Iterator[tuple[Point, str, str]]:
    return ((point, attack, defense) for point in points for attack in attacks for defense in defenses)


def rest_of(point: Point) -> Point:
    """
    Return a point without attack and defense.

    >>> rest_of(("model=mf", "attack=pipa", "defense=none"))
    ('model=mf',)
    """
    return tuple(text for text in point if text.partition("=")[0] not in ("attack", "defense"))


def _named(group: str, point: Point) -> str:
    """Return what a point chooses in a group."""
    return next(text.partition("=")[2] for text in point if text.startswith(f"{group}="))
