"""Follows one run of a sweep: what would be reported if it ended now, and whether it is worth going on."""

from collections.abc import Callable, Mapping
from typing import Any

from fedrec.interfaces import Callback, Evaluation, Pruned, RoundResult, RunInfo

Metrics = Mapping[str, float]


class Pruning(Callback):
    """`chosen` holds the metrics of the epoch with the best `selection` metric on the validation item, the earliest of equals.

    `hopeless` is asked after every evaluation; the run ends when it says yes.
    """

    def __init__(self, selection: str, hopeless: Callable[[Metrics], bool] = lambda chosen: False) -> None:
        self.pruned = False
        self.chosen: Metrics = {}
        self._metric = f"validation_{selection}"
        self._hopeless = hopeless

    def on_run_start(self, info: RunInfo) -> None:
        """Nothing to prepare."""

    def on_round_end(self, result: RoundResult) -> None:
        """Rounds alone decide nothing."""

    def on_evaluation(self, evaluation: Evaluation) -> None:
        """Raises Pruned to end the run."""
        if not self.chosen or evaluation.metrics[self._metric] > self.chosen[self._metric]:
            self.chosen = evaluation.metrics
        self.pruned = self._hopeless(self.chosen)
        if self.pruned:
            raise Pruned

    def on_run_end(self, status: str, summary: Mapping[str, Any]) -> Mapping[str, Any]:
        return {}
