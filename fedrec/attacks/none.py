"""No attack: no malicious client takes part. Exposure is still measured on the targets."""

from dataclasses import dataclass

from fedrec.interfaces import Attack, AttackerView, Number, Upload


@dataclass(kw_only=True)
class NoAttack(Attack):
    takes_part = False
    promotes = False
    paper = "the baseline of Zhang et al., PIECK, ICDE 2024"
    knowledge = "none"
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"

    num_targets: Number

    def poison(self, view: AttackerView) -> Upload:
        return Upload.of_rows(view.clients, view.clients[:0], view.clients[:0], view.model.items[:0])
