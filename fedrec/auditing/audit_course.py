"""The course of an audit: question after question is asked, and what is missing is measured, as far as the budget allows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from dataclasses import field as declared

from fedrec.auditing.audit_field import Field
from fedrec.auditing.audit_setups import Run, Wanted, by_setup
from fedrec.auditing.audit_stages import STAGES, Stage

_WHOLE = 1.0


@dataclass
class Course:
    """Asks the questions of an audit. It has no clock: it goes by the results that there are, whenever they were measured."""

    field: Field
    results: Callable[[Iterable[Wanted]], dict[Wanted, Run]]  # what has been measured of some runs
    measure: Callable[[Sequence[Wanted]], None]  # measures runs; one that fails has no result afterwards
    seconds: Callable[[Wanted], float]  # that a run takes, or has taken, on one worker
    budget: float | None  # seconds of all workers together; None: there is no end
    asked: dict[Wanted, str] = declared(default_factory=dict, init=False)  # every run that was ever wanted -> the question
    cut: dict[str, int] = declared(default_factory=dict, init=False)  # what a question is about -> how many runs the budget did not allow
    _earlier: dict[Wanted, str] = declared(default_factory=dict, init=False)  # what was asked when each question had a share
    tried: set[Wanted] = declared(default_factory=set, init=False)

    def follow(self) -> dict[Wanted, Run]:
        """Ask all questions and measure what is missing. Return all results.

        At first each question may spend a share of the budget, so that each has an answer. Then the rest of the budget is spent. Where
        there is no budget or a first look is enough, questions are answered one after the other.
        """
        whole = [_WHOLE] * len(STAGES)
        for shares in [whole] if self.budget is None or self.field.quick else [[stage.share for stage in STAGES], whole]:
            known: dict[Wanted, Run] = {}
            self._earlier, self.asked = self.asked, {}
            self.cut.clear()
            for stage, share in zip(STAGES, shares, strict=True):
                self._answer(stage, share, known)
            self.asked |= {one: name for one, name in self._earlier.items() if one not in self.asked}
        return self.results(self.asked)

    def _answer(self, stage: Stage, share: float, known: dict[Wanted, Run]) -> None:
        """Ask a question until its results raise no other one. They are added to what is `known` of it and of those before it."""
        before = -1
        while True:
            wanted = list(dict.fromkeys(stage.runs(self.field, by_setup(known))))
            for one in wanted:
                self.asked.setdefault(one, stage.name)
            known |= self.results(wanted)
            missing = [one for one in wanted if one not in known and one not in self.tried]
            if batch := self._allowed(missing, share):
                self.measure(batch)
                self.tried |= {*batch}
            elif missing:
                self.cut[stage.title] = len(missing)
                return
            elif len(known) == before:
                return
            before = len(known)

    def _allowed(self, missing: Sequence[Wanted], share: float) -> Sequence[Wanted]:
        """Return the first of the missing runs, as many as the share of the budget still allows."""
        if self.budget is None:
            return missing
        left = share * self.budget - sum(map(self.seconds, self.results({**self._earlier, **self.asked})))
        for place, one in enumerate(missing):
            if (left := left - self.seconds(one)) < 0:
                return missing[:place]
        return missing
