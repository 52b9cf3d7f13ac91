"""Why measured cells differ from the paper: what experiments/explanations.yaml says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from experiments.analysis.tables import Comparison


@dataclass(frozen=True)
class Explanation:
    """Of the cells of some tables that have one of these choices."""

    text: str
    tables: Sequence[str]
    choices: Sequence[Mapping[str, str]] = ({},)

    def applies(self, one: Comparison) -> bool:
        return one.table in self.tables and any(wanted.items() <= one.choices.items() for wanted in self.choices)


def _read() -> list[Explanation]:
    entries: Any = OmegaConf.to_container(OmegaConf.load(Path(__file__).with_suffix(".yaml")))
    return [Explanation(**entry) for entry in entries]


EXPLANATIONS = _read()


def explanation(one: Comparison) -> int | None:
    """The position of the first explanation that applies to a cell outside tolerance."""
    return next((position for position, known in enumerate(EXPLANATIONS) if known.applies(one)), None)
