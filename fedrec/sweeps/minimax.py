"""A defense against the attack's best response: every candidate meets an attack that is tuned against it, in a study of its own."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

from optuna.trial import FrozenTrial

from fedrec.evaluation.degradation import as_harm
from fedrec.interfaces import Positive
from fedrec.sweeps.objectives import AS_GIVEN, NO_DEFENSE, Runs, TuneDefense, Values
from fedrec.sweeps.outcomes import Outcome, mean
from fedrec.sweeps.search_space import SearchSpace
from fedrec.sweeps.study import SharedStudy

RESPONSE = "response"  # user attribute of a candidate: the overrides of the worst attack so far
OUTCOMES = "outcomes"  # user attribute of a response: one outcome a seed
_PAUSE = 0.5  # seconds between two looks at a response whose worker has died


@dataclass(kw_only=True)
class Minimax(TuneDefense):
    """Minimise the value of `TuneDefense` under the worst attack: of `responses` attacks, the one that does the most harm on average.

    Some may promote items and others not. Both kinds of harm are shares of the users or of their hits in [0, 1], and 1 is the worst of
    both: ER@K is as it is, and a degradation ratio below 0 counts as 0.
    """

    responses: Positive  # attacks that are tried on each candidate
    response_space: dict[str, str]  # what the attacker tunes, as far as the chosen attack has these options

    @property
    def inner_space(self) -> Mapping[str, str]:
        return self.response_space

    @property
    def n_runs(self) -> int:
        return self.responses * self.seeds

    def measure(self, runs: Runs, overrides: Sequence[str], seeds: Sequence[int]) -> Values | None:
        """Return the value under the worst attack, which the pruner is told after every attack; None if the candidate was pruned."""
        study = runs.study("responses", self.responses)
        while not study.is_complete:
            if (trial := study.claim()) is None:  # the last one died with the worker that had this candidate before
                time.sleep(_PAUSE)
                continue
            with study.running(trial):
                response = [*overrides, *study.space.overrides(trial.params)]
                found = [runs.run(response, seed, f"response_{trial.number}/seed_{seed}") for seed in seeds]
                outcomes = [one for one in found if one is not None]  # nobody prunes these runs
                trial.set_user_attr(OUTCOMES, [astuple(one) for one in outcomes])
                study.tell(trial, [mean([as_harm(one.harm) for one in outcomes])])
            runs.trial.report(self._at_worst(runs, study, seeds)[0], runs.n_evaluations)
            if not study.is_complete and runs.trial.should_prune():
                return None
        return self._at_worst(runs, study, seeds)

    def comparisons(self, best: Sequence[FrozenTrial], as_given: FrozenTrial | None, space: SearchSpace) -> dict[str, list[str]]:
        """Let each candidate meet the attack that was the worst for it, and no defense the worst one for the best candidate."""
        if not best:
            return {}
        candidates = ({AS_GIVEN: as_given} if as_given else {}) | {f"trial {trial.number}": trial for trial in best}
        return {NO_DEFENSE: best[0].user_attrs[RESPONSE]} | {
            f"worst case of {label}": [*space.overrides(trial.params), *trial.user_attrs[RESPONSE]] for label, trial in candidates.items()
        }

    def _at_worst(self, runs: Runs, study: SharedStudy, seeds: Sequence[int]) -> Values:
        worst = study.study.best_trial
        runs.trial.set_user_attr(RESPONSE, study.space.overrides(worst.params))
        return self.conclude(runs, [Outcome(*values) for values in worst.user_attrs[OUTCOMES]], seeds)
