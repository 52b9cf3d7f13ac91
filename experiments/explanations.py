"""Why measured cells differ from the paper, as far as we know: found by looking into the runs, not guessed from the numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from experiments.tables import Comparison


@dataclass(frozen=True)
class Explanation:
    """Of the cells of some tables that have these choices."""

    text: str
    tables: Sequence[str]
    choices: Sequence[Mapping[str, str]] = field(default_factory=lambda: [{}])  # one of these

    def applies(self, one: Comparison) -> bool:
        return one.table in self.tables and any(wanted.items() <= one.choices.items() for wanted in self.choices)


EXPLANATIONS: Sequence[Explanation] = ()


def explanation(one: Comparison) -> int | None:
    """The position of the first explanation that applies to a cell outside tolerance."""
    return next((position for position, known in enumerate(EXPLANATIONS) if known.applies(one)), None)
