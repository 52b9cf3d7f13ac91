"""No attack: no malicious client takes part; exposure is still measured on the targets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from fedrec.interfaces import Attack, AttackerKnowledge, AttackerView
from fedrec.uploads import Upload


@dataclass(kw_only=True)
class NoAttack(Attack):
    takes_part: ClassVar[bool] = False
    paper = "the baseline of Zhang et al., PIECK, ICDE 2024"
    knowledge = "none"
    applies_to = "MF-FRS, DL-FRS"

    def begin(self, known: AttackerKnowledge) -> None:
        pass

    def poison(self, view: AttackerView) -> Upload:
        nothing = torch.empty(0, dtype=torch.int32, device=view.model.items.device)
        return Upload.of_rows(view.clients, nothing, nothing, view.model.items[:0])

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        pass
