"""Tiny runs in this process that stop as if they were killed, and what is left of a run to compare."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fedrec.conduct import prepare
from fedrec.config.build import check
from fedrec.config.compose import compose
from fedrec.experiment import Experiment
from fedrec.interfaces import Callback, Evaluation, RoundResult

TINY = ("dataset=synthetic", "dataset.users=40", "dataset.items=60", "dataset.interactions=600", "system.epochs=4", "tracking=none")
EXPLAINED = ("evaluation.metrics=[ER,HR,NDCG,mining,PKL,UCR,poison_share]", "evaluation.mined_sizes=[5]")
ROUNDS = 6  # of an epoch of 40 users and two malicious clients; 5 without an attack


class Killed(Exception):
    """Stands for a kill: nobody is told, and nothing is tidied up."""


class Listener(Callback):
    """Remembers what it is told, and stops the run in a round."""

    def __init__(self, last_round: int | None = None) -> None:
        self.last_round = last_round
        self.rounds: dict[int, dict[str, float]] = {}
        self.evaluations: list[Evaluation] = []

    def on_round_end(self, result: RoundResult) -> None:
        telemetry = {name: value for name, value in result.telemetry.items() if not name.startswith("seconds")}
        self.rounds[result.round] = {"loss": result.loss, **telemetry, "moved": float(result.delta_norm.sum())}
        if result.round == self.last_round:
            raise Killed

    def on_evaluation(self, evaluation: Evaluation) -> None:
        self.evaluations.append(evaluation)


def prepared(folder: Path, *overrides: str, last_round: int | None = None) -> tuple[Experiment, Listener]:
    """A tiny run whose checkpoints lie in `folder`, after every second epoch unless the overrides say otherwise."""
    listener = Listener(last_round)
    own = (f"checkpoint.folder={folder}/checkpoints", "checkpoint.every=2", "system.clients_per_round=8")
    (run := folder / "run").mkdir(exist_ok=True, parents=True)
    return prepare(check(compose(*TINY, *own, *overrides)), run, [listener]), listener


def killed(folder: Path, *overrides: str, last_round: int = 2 * ROUNDS + 1) -> Listener:
    """A run that is killed in a round, by default in the one after its first checkpoint."""
    experiment, listener = prepared(folder, *overrides, last_round=last_round)
    try:
        experiment.train()
    except Killed:
        return listener
    raise AssertionError("the run came to its end")


def trained(folder: Path, *overrides: str) -> tuple[Experiment, Listener]:
    """A run to its end."""
    experiment, listener = prepared(folder, *overrides)
    experiment.train()
    return experiment, listener


def reported(experiment: Experiment) -> Mapping[str, Any]:
    """What the summary says but for the clock, memory and the options, which may say where checkpoints lie."""
    return {name: value for name, value in experiment.ended.items() if name not in ("seconds", "peak_memory_mb", "config")}


def folders(folder: Path) -> list[str]:
    """The names of the checkpoints there are, of all runs."""
    return sorted(path.name for path in (folder / "checkpoints").glob("*/round_*"))
