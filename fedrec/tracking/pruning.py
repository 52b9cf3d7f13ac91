"""Follows one run of a sweep: what it has achieved so far, and whether it is worth going on."""

from collections.abc import Callable, Sequence

from fedrec.interfaces import Callback, Evaluation, Pruned, RunInfo


class Pruning(Callback):
    """Keeps all evaluations of a run. It asks `hopeless` after every one whether to end the run."""

    def __init__(self, hopeless: Callable[[Sequence[Evaluation]], bool] = lambda evaluations: False) -> None:
        self.pruned = False
        self.evaluations: list[Evaluation] = []
        self.unattacked: Sequence[Evaluation] | None = None  # of the same run without the attack, if that has no target item
        self._hopeless = hopeless

    def on_run_start(self, info: RunInfo) -> None:
        if info.without_attack is not None and not info.target_items:
            self.unattacked = info.without_attack.evaluations

    def on_evaluation(self, evaluation: Evaluation) -> None:
        """Raises Pruned to end the run."""
        self.evaluations.append(evaluation)
        self.pruned = self._hopeless(self.evaluations)
        if self.pruned:
            raise Pruned
