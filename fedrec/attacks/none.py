"""No attack: no malicious client takes part; exposure is still measured on the targets."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from fedrec.interfaces import AttackerView, Upload
from fedrec.poisoning.stateless import StatelessAttack


@dataclass(kw_only=True)
class NoAttack(StatelessAttack):
    takes_part: ClassVar[bool] = False
    paper = "the baseline of Zhang et al., PIECK, ICDE 2024"
    knowledge = "none"
    applies_to = "MF-FRS, DL-FRS"

    def poison(self, view: AttackerView) -> Upload:
        nothing = torch.empty(0, dtype=torch.int32, device=view.model.items.device)
        return Upload.of_rows(view.clients, nothing, nothing, view.model.items[:0])
