"""What an audit may run: an attack and a defense with their options, a number of fake accounts, and what kind of item is promoted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

NO = "none"  # the choice of attack or defense that does nothing
COLD = "cold"  # the kind of item that the accounts promote unless something else is asked: one of those with the fewest interactions
UNPOPULAR = "attack.targets=unpopular"  # each seed draws one of these, so that other seeds promote other cold items

Run = Mapping[str, Any]  # what `AuditRecord` keeps of a run


@dataclass(frozen=True)
class Choice:
    """A file of conf/attack or conf/defense, or a combination of defenses, and overrides of its options."""

    name: str
    options: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The name and the options, as tables show an attack.

        >>> Choice("min_sum", ("attack.num_targets=1",)).text
        'min_sum num_targets=1'
        """
        return " ".join([self.name, *(option.partition(".")[2] for option in self.options)])

    @property
    def settings(self) -> str:
        """The overrides alone, as tables show a defense's."""
        return " ".join(self.options)


UNATTACKED, UNDEFENDED = Choice(NO), Choice(NO)


@dataclass(frozen=True)
class Setup:
    """A run but for its seed."""

    attack: Choice
    defense: Choice
    accounts: int  # 0 without an attack
    kind: str = ""  # of the promoted item; empty for an attack that promotes none
    target: str = ""  # the override that chooses it
    validation: bool = False  # on data whose second-latest interactions are held out, too: only there settings are tuned


class Wanted(NamedTuple):
    """A run that answers a question."""

    setup: Setup
    seed: int

    @property
    def point(self) -> tuple[str, ...]:
        """The overrides of `experiment=audit/settings` that make this run, without the seed.

        The first seed's runs without a defense keep their models, from whose lists the table of items that are pushed out is made.
        """
        setup = self.setup
        kept = self.seed == 0 and setup.defense == UNDEFENDED and setup.kind == COLD and not setup.validation
        return (
            f"attack={setup.attack.name}",
            f"defense={setup.defense.name}",
            f"system.malicious_clients={setup.accounts or 'null'}",
            *([setup.target] if setup.target else []),
            *setup.attack.options,
            *setup.defense.options,
            *(["dataset.validation=true"] if setup.validation else []),
            *(["model.save=true"] if kept else []),
        )


Known = Mapping[Setup, Mapping[int, Run]]  # what has been measured of each setup, by seed


def by_setup(runs: Mapping[Wanted, Run]) -> Known:
    """Return runs by setup and seed, both in their order."""
    found: dict[Setup, dict[int, Run]] = {}
    for (setup, seed), run in runs.items():
        found.setdefault(setup, {})[seed] = run
    return found


def exposure_of(run: Run) -> float:
    """Return ER@10 around the best epoch; 1 if the run diverged, 0 if it promoted nothing."""
    return 1.0 if "diverged" in run else float(run["near_best"].get("ER@10", 0.0))


def peak_of(run: Run) -> float:
    """Return the highest ER@10 of an evaluation; 1 if the run diverged."""
    return 1.0 if "diverged" in run else float((run["peak"] or {}).get("ER@10", 0.0))


def quality_of(run: Run, metric: str = "HR@10") -> float:
    """Return a metric at the best epoch; 0 if the run diverged."""
    return 0.0 if "diverged" in run else float(run["best"][metric])


def lost(run: Run, without: Run, metric: str = "HR@10") -> float:
    """Return the share of a metric that a run lost against the same run without its attack; below 0 if it gained some."""
    before = quality_of(without, metric)
    return 1.0 - quality_of(run, metric) / before if before else 1.0
