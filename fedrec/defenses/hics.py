"""HiCS: hierarchical gradient clipping with sparsified updating.

Yuan, Yuan, Yang, Nguyen, Yin, "Manipulating Federated Recommender Systems: Poisoning with Synthetic Users and Its Countermeasures",
SIGIR 2023. Every uploaded row is clipped to length C and added to its item's entry of a gradient bank. In each round only the items with
the longest entries are updated, with their entries clipped to length bank_C; then these entries are cleared.
The paper outlines its method; what is chosen here: C and bank_C are fixed numbers and not fitted to the gradients of a round; update_share
is a share of all items; of equally long entries that of the lower item number comes first; what clipping cuts off is lost; gradients of
the scorer are clipped as NormBound clips them and summed, without a bank. There is no f and no fallback.
"""

import math
from dataclasses import dataclass, field
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from fedrec.defenses.norm_bound import NormBound
from fedrec.interfaces import Aggregation, Aggregator, GlobalModel, Rate, ServerKnowledge, ServerView, Upload


@dataclass(kw_only=True)
class HiCS(Aggregator):
    paper = "Yuan et al., SIGIR 2023"
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"
    memory = ("bank",)

    C: Rate
    bank_C: Rate  # noqa: N815 - clips the bank as C clips rows
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
