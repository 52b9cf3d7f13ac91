"""What attacks that remember nothing from round to round share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fedrec.interfaces import Attack, AttackerKnowledge


@dataclass(kw_only=True)
class StatelessAttack(Attack):
    known: AttackerKnowledge = field(init=False)

    def setup(self, known: AttackerKnowledge) -> None:
        self.known = known

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        pass
