"""Why measured cells differ from the paper: the entries of explanations.yaml."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from experiments.analysis.comparison import Comparison


@dataclass(frozen=True)
class Explanation:
    """A text about those cells of some tables that have one of these choices."""

    text: str
    tables: Sequence[str]
    choices: Sequence[Mapping[str, str]] = ({},)

    def applies(self, one: Comparison) -> bool:
        return one.table in self.tables and any(wanted.items() <= one.choices.items() for wanted in self.choices)


@cache
def explanations() -> Sequence[Explanation]:
    """Read all explanations."""
    entries: Any = OmegaConf.to_container(OmegaConf.load(Path(__file__).with_suffix(".yaml")))
    return [Explanation(**entry) for entry in entries]


def explanation(one: Comparison) -> int | None:
    """Return the position of the first explanation that applies to a cell that differs; None: no reason is known."""
    return next((position for position, known in enumerate(explanations()) if known.applies(one)), None)
