"""A defense against the attack's best response: every candidate meets an attack that is tuned against it, in a study of its own."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from fedrec.interfaces import Positive
from fedrec.sweeps.objectives import AS_GIVEN, NO_DEFENSE, Outcome, TuneDefense, Values, mean

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from fedrec.sweeps.search_space import SearchSpace
    from fedrec.sweeps.study import SharedStudy
    from fedrec.sweeps.trial_runs import TrialRuns

RESPONSE, OUTCOMES = "response", "outcomes"  # user attributes: the attack's overrides, of a candidate; one outcome a seed, of a response


@dataclass(kw_only=True)
class Minimax(TuneDefense):
    """The objective of `TuneDefense` where the attack does its worst: where, of `responses` tries, the mean of ER@K is highest.

    The pruner is told the value at the worst response so far after every try, as of the last of all evaluations so far.
    """

    responses: Positive  # attacks that are tried on each candidate
    response_space: dict[str, str]  # what the attacker tunes, of the options that the chosen attack has

    def measure(self, runs: "TrialRuns", overrides: Sequence[str], seeds: Sequence[int]) -> Values | None:
        """The value of the candidate at the attack's best response; None if the candidate was pruned."""
        space = runs.inner_space
        study = runs.study("responses", self.responses)
        while not study.is_complete:
            if (trial := study.claim(space.suggest)) is None:  # the last one died with the worker that had this candidate before
                time.sleep(0.5)
                continue
            with study.running(trial):
                response = space.overrides(trial.params)
                found = [self._try(runs, [*overrides, *response], seed, f"response_{trial.number}/seed_{seed}") for seed in seeds]
                trial.set_user_attr(OUTCOMES, [astuple(one) for one in found])
                study.tell(trial, [mean([one.exposure_ratio for one in found])])
            runs.trial.report(self._at_worst(runs, study, seeds)[0], runs.n_evaluations)
            if not study.is_complete and runs.trial.should_prune():
                return None
        return self._at_worst(runs, study, seeds)

    @property
    def inner_space(self) -> Mapping[str, str]:
        return self.response_space

    def comparisons(self, best: "Sequence[FrozenTrial]", as_given: "FrozenTrial | None", space: "SearchSpace") -> dict[str, list[str]]:
        """Each candidate meets the response that was the worst for it, and no defense that to the best candidate."""
        candidates = ({AS_GIVEN: as_given} if as_given else {}) | {f"trial {trial.number}": trial for trial in best}
        if not best:
            return {}
        return {NO_DEFENSE: best[0].user_attrs[RESPONSE]} | {
            f"worst case of {label}": [*space.overrides(trial.params), *trial.user_attrs[RESPONSE]] for label, trial in candidates.items()
        }

    def _at_worst(self, runs: "TrialRuns", responses: "SharedStudy", seeds: Sequence[int]) -> Values:
        worst = responses.study.best_trial
        runs.trial.set_user_attr(RESPONSE, runs.inner_space.overrides(worst.params))
        return self.conclude(runs, [Outcome(*values) for values in worst.user_attrs[OUTCOMES]], seeds)

    def _try(self, runs: "TrialRuns", overrides: Sequence[str], seed: int, name: str) -> Outcome:
        outcome = runs.run(overrides, seed, name)
        assert outcome is not None  # nobody prunes it
        return outcome
