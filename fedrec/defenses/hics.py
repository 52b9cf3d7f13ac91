"""HiCS: hierarchical gradient clipping with sparsified updating.

Yuan, Yuan, Yang, Nguyen, Yin, "Manipulating Federated Recommender Systems: Poisoning with Synthetic Users and Its Countermeasures",
SIGIR 2023. Each uploaded row is clipped to length C and added to its item's entry of a gradient bank. In a round only the items with the
longest entries are updated, with their entries clipped to length bank_C; these entries are then cleared. After the
paper's outline of its method; what is chosen here: C and bank_C are fixed numbers, not fitted to the gradients of a round; the
share of updated items is of all items; of equal entries that of the lower item number comes first; what clipping cuts off is lost;
gradients of the scorer are clipped as NormBound does and summed, without a bank.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from fedrec.defenses.norm_bound import NormBound
from fedrec.interfaces import Aggregation, Aggregator, GlobalModel, Rate, ServerKnowledge, ServerView, Upload


@dataclass(kw_only=True)
class HiCS(Aggregator):
    paper = "Yuan et al., SIGIR 2023"
    applies_to = "MF-FRS, DL-FRS"

    C: Rate
    bank_C: Rate  # noqa: N815 - clips as C does, the bank
    update_share: Annotated[float, Field(gt=0, le=1)]
    bank: Tensor | None = field(init=False, default=None)  # [M, d], None before the first round

    def setup(self, known: ServerKnowledge) -> None:
        self.bank = None

    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        total, scorer = NormBound(C=self.C, scope="per_item")(upload, view).total(len(view.model.items))
        bank = total if self.bank is None else self.bank + total
        lengths = torch.linalg.vector_norm(bank, dim=1)  # [M]
        n_updated = max(1, math.floor(self.update_share * len(lengths) + 1e-9))
        updated = lengths.argsort(descending=True, stable=True)[:n_updated]
        gradient = torch.zeros_like(bank)
        gradient[updated] = bank[updated] * (self.bank_C / lengths[updated, None]).clamp_(max=1)
        self.bank = bank.index_fill(0, updated, 0)
        return Aggregation(GlobalModel(gradient, scorer))

    def state_dict(self) -> dict[str, Any]:
        return {"bank": self.bank}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.bank = state["bank"]
