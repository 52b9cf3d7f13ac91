"""What an audit is going to measure, judged from results as they usually are where nothing has been measured yet."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from fedrec.auditing.audit_course import Course
from fedrec.auditing.audit_runs import AuditRuns
from fedrec.auditing.audit_setups import UNDEFENDED, Run, Wanted

_HALF = {True: 10, False: 60}  # accounts that reach half of the users, without a defense and with one
_HITS = 0.5
_LOST = 0.1  # of the hits, by an attack that promotes nothing


@dataclass
class Forecast:
    """Stands in for the runs of an audit. It makes up what has not been measured."""

    runs: AuditRuns
    made_up: dict[Wanted, Run] = field(default_factory=dict, init=False)

    def results(self, wanted: Iterable[Wanted]) -> dict[Wanted, Run]:
        """Return what has been measured, and what has been made up."""
        asked = list(wanted)
        return {**{one: self.made_up[one] for one in asked if one in self.made_up}, **self.runs.results(asked)}

    def measure(self, wanted: Sequence[Wanted]) -> None:
        self.made_up |= {one: _usual(one) for one in wanted}

    def text(self, course: Course, workers: int) -> str:
        """Return a line for each question, with the number of runs that are missing and the time that they take."""
        missing = {one: question for one, question in course.asked.items() if one in self.made_up}
        counts = Counter(missing.values())
        seconds = {question: sum(self.runs.seconds(one) for one in missing if missing[one] == question) for question in counts}
        rows = [(question, counts[question], seconds[question]) for question in counts]
        rows.append(("all", counts.total(), sum(seconds.values())))
        lines = [f"{question:12} {n:5} run{'s' * (n != 1):1}  {_duration(taken / workers)}" for question, n, taken in rows]
        lines += [f"The budget leaves out {n} or more."] if (n := sum(course.cut.values())) else []
        known = len(self.runs.results(course.asked))
        return "\n".join([*lines, f"{known} more are measured. The times are guesses until some runs of this data set are."])


def _usual(wanted: Wanted) -> Run:
    """Return a result as it usually is."""
    setup = wanted.setup
    half = _HALF[setup.defense == UNDEFENDED]
    exposed = setup.accounts**2 / (setup.accounts**2 + half**2) if setup.kind else 0.0
    hits = _HITS * (1 - _LOST * bool(setup.accounts and not setup.kind))
    told = {"ER@10": exposed, "HR@10": hits, "NDCG@10": hits / 2, "validation_HR@10": hits}
    return {**dict.fromkeys(("best", "near_best", "peak", "validation"), told), "seconds": {"total": 0.0}, "targets": []}


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
