"""Follows one run of a sweep: what the run would report if it ended now, and whether it is worth going on."""

from collections.abc import Callable, Mapping

from fedrec.interfaces import Callback, Evaluation, Pruned

Metrics = Mapping[str, float]


class Pruning(Callback):
    """Keeps in `chosen` the metrics of the epoch with the best `selection` metric on the validation item, the earliest of equals.

    It asks `hopeless` after every evaluation whether to end the run.
    """

    def __init__(self, selection: str, hopeless: Callable[[Metrics], bool] = lambda chosen: False) -> None:
        self.pruned = False
        self.chosen: Metrics = {}
        self._metric = f"validation_{selection}"
        self._hopeless = hopeless

    def on_evaluation(self, evaluation: Evaluation) -> None:
        """Raises Pruned to end the run."""
        if not self.chosen or evaluation.metrics[self._metric] > self.chosen[self._metric]:
            self.chosen = evaluation.metrics
        self.pruned = self._hopeless(self.chosen)
        if self.pruned:
            raise Pruned
