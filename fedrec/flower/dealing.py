"""Deals the users of an experiment, and the attacker's clients, to the nodes of a federation."""

import re
import shlex
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

from fedrec.api.composing import compose
from fedrec.conduct import prepare
from fedrec.config.build import Checked, check
from fedrec.config.validation import ConfigError
from fedrec.evaluation.quality import RANKINGS
from fedrec.experiment import Experiment
from fedrec.flower.node import Node
from fedrec.flower.shard import client_numbers, deal

ON_A_NODE = {"tracking": "none", "resume": "never", "device": "cpu"}  # whatever the run's overrides say of these and what is in them
MEASURED = ("ER", *RANKINGS)  # means over users


@lru_cache(maxsize=1)
def configuration_of(overrides: str) -> Checked:
    """Return the configuration of a run's nodes; a process that serves many messages composes it once."""
    chosen = [text for text in shlex.split(overrides) if re.split("[.=]", text.lstrip("+~"))[0] not in ON_A_NODE]
    return check(compose(*chosen, *map("=".join, ON_A_NODE.items())))


def node_folder(folder: Path, number: int) -> Path:
    """Return where a node keeps its things, unless its own configuration names another folder."""
    return folder / "nodes" / str(number)


def require_possible(experiment: Experiment) -> None:
    """Raise ConfigError if an experiment needs what only a simulation has."""
    system, metrics = experiment.system, experiment.evaluator.metrics
    if system.attack.prior_wanted().uploads:
        raise ConfigError("attack.prior=uploads: in a federation no node sees what the others send")
    if system.model.save:
        raise ConfigError("model.save=true: in a federation the embeddings of users stay in their nodes")
    if others := [name for name in metrics if name not in MEASURED]:
        raise ConfigError(
            f"evaluation.metrics = {metrics}: {', '.join(others)} needs to see all users; allowed here is {', '.join(MEASURED)}"
        )


@dataclass
class Deal:
    """What each of so many nodes holds in the run of some overrides."""

    overrides: str
    n_nodes: int

    @property
    def checked(self) -> Checked:
        return configuration_of(self.overrides)

    @cached_property
    def experiment(self) -> Experiment:
        """The experiment before its first round. Raises ValueError if an option does not fit the data, or no federation can do it."""
        experiment = prepare(self.checked, Path(), ())
        require_possible(experiment)
        return experiment

    def identity(self, number: int) -> dict[str, Any]:
        """Return what a node writes beside all that it keeps, so that no other run takes it."""
        return {"overrides": self.overrides, "node": number, "of": self.n_nodes}

    def share(self, number: int) -> tuple[dict[str, Any], int]:
        """Return what a node holds, and how many clients. Raises ValueError if there are too many nodes or too few."""
        system = self.experiment.system
        clients = client_numbers(system.n_users, system.n_malicious, self.n_nodes)[number]
        return deal(self.experiment, clients), len(clients)

    def to_all(self, folder: Path) -> None:
        """Give each node of a run its share, in its own folder. A node that has one keeps it."""
        for number in range(self.n_nodes):
            Node.at(node_folder(folder, number), self.identity(number), self.checked, partial(self.share, number))
