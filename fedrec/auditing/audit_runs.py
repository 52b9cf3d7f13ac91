"""The runs of an audit: composed from setups, measured by the workers of a campaign, and kept in its store."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import DictConfig

from fedrec.auditing.audit_commands import run_command
from fedrec.auditing.audit_record import AuditRecord
from fedrec.auditing.audit_setups import Choice, Run, Wanted
from fedrec.campaigns.campaign_command import measure_missing
from fedrec.campaigns.cells import Cell, Planner
from fedrec.campaigns.estimates import Estimates
from fedrec.campaigns.store import Store, table_of
from fedrec.config.build import check
from fedrec.tracking.mlflow.user_interface import page_of_run

EXPERIMENT = "audit/settings"
_BESIDE = 2.0  # seconds of a run beside its training
_PER_INTERACTION = 5e-7  # seconds that one takes in an epoch, as long as nothing has been measured


@dataclass
class AuditRuns:
    """Finds, estimates and measures runs."""

    planner: Planner
    workers: int
    interactions: float  # of the data
    folder: Path  # in which the runs lie
    common: Sequence[str]  # what the commands of all runs begin with
    store: Store | None  # None: nothing has been measured, and nothing will be
    progress: bool = True  # whether a bar is shown
    failed: dict[str, str] = field(default_factory=dict, init=False)  # title of a run -> why it failed
    _cells: dict[Wanted, Cell] = field(default_factory=dict, init=False)
    _composed: dict[tuple[str, ...], DictConfig] = field(default_factory=dict, init=False)
    _checked: set[tuple[Choice, Choice]] = field(default_factory=set, init=False)  # attacks and defenses
    _measured: dict[str, Cell] = field(default_factory=dict, init=False)  # by key
    _by_key: Mapping[str, Run] = field(init=False)  # all that the store holds
    _learned: Estimates = field(init=False)
    _pace: float = field(default=1.0, init=False)  # wall time by CPU time: more than 1 where something else runs on the machine
    _n_learned: int = field(default=-1, init=False)

    def __post_init__(self) -> None:
        self._by_key = self.store.results() if self.store else {}

    def cell(self, wanted: Wanted) -> Cell:
        """Return the cell of a run. Raises ConfigError if an option is wrong."""
        if wanted not in self._cells:
            point = wanted.point
            if point not in self._composed:
                self._composed[point] = self.planner.compose(EXPERIMENT, point)
                if (pair := (wanted.setup.attack, wanted.setup.defense)) not in self._checked:
                    check(self._composed[point])
                    self._checked.add(pair)
            (self._cells[wanted],) = self.planner.cells_of(self._composed[point], EXPERIMENT, point, [wanted.seed])
        return self._cells[wanted]

    def source(self, wanted: Wanted) -> tuple[str, str, str | None]:
        """Return the key of a run, the command that repeats it, and its page in MLflow if it is known to have one."""
        cell = self.cell(wanted)
        return cell.key, run_command(self.common, cell.overrides), page_of_run(self.folder / "runs" / cell.key)

    def results(self, runs: Iterable[Wanted]) -> dict[Wanted, Run]:
        """Return the results of those runs that have been measured."""
        found = {one: cell for one in runs if (cell := self.cell(one)).key in self._by_key}
        self._measured |= {cell.key: cell for cell in found.values()}
        return {one: self._by_key[cell.key] for one, cell in found.items()}

    def seconds(self, wanted: Wanted) -> float:
        """Return the seconds that a run has taken, or will take as far as the measured runs of this audit tell."""
        cell = self.cell(wanted)
        known = self._by_key.get(cell.key)
        return self._estimates.seconds(cell) * self._pace if known is None else float(known["seconds"]["total"])

    def measure(self, runs: Sequence[Wanted]) -> None:
        """Measure runs, long ones first. Those that fail are named in `failed`."""
        assert self.store is not None
        estimates = self._estimates
        cells = sorted({cell.key: cell for cell in map(self.cell, runs)}.values(), key=lambda cell: -estimates.seconds(cell))
        measure_missing(self.planner, self.store, cells, cells, estimates, self.workers, AuditRecord, self.progress)
        self.failed |= {cell.title: reason for cell, reason in self.store.failures(cells)}
        self._by_key = self.store.results()

    @property
    def _estimates(self) -> Estimates:
        if len(self._measured) != self._n_learned:
            self._learn()
        return self._learned

    def _learn(self) -> None:
        """Learn from the measured runs how long others take."""
        self._n_learned = len(self._measured)
        seconds = {key: {"seconds": self._by_key[key]["seconds"]} for key in self._measured}
        unknown = _BESIDE + _PER_INTERACTION * self.interactions * self.planner.compose(EXPERIMENT, ()).system.epochs
        self._learned = Estimates([table_of(self._measured.values(), seconds)], unknown)
        wall, cpu = (sum(self._by_key[key]["seconds"][name] for key in self._measured) for name in ("total", "cpu"))
        self._pace = wall / cpu if cpu else 1.0
