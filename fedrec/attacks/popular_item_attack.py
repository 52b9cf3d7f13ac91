"""What both PIECK attacks share: mining first, then gradients of the target rows from the embeddings of the mined items.

Zhang et al., "Preventing the Popular Item Embedding Based Attack in Federated Recommendations", ICDE 2024, Algorithms 2 and 3.
A client uploads from the participation in which its mining ends (its third with R~ = 2).
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from fedrec.interfaces import Attack, AttackerView, GlobalModel, Model, Positive, Upload
from fedrec.mining import PopularItemMiner


@dataclass(kw_only=True)
class PopularItemAttack(Attack):
    """`multi_target`: `copy` optimises the first target and uploads its gradient for all; `together` optimises all (supplement C)."""

    paper = "Zhang et al., PIECK, ICDE 2024"
    knowledge = "none"
    applies_to = "MF-FRS, DL-FRS"

    N: Positive
    mining_times: Positive
    multi_target: Literal["copy", "together"]
    model: Model = field(init=False)
    target_items: Tensor = field(init=False)  # [T]
    miner: PopularItemMiner = field(init=False)

    def begin(self, n_clients: int, n_items: int, model: Model, target_items: Tensor) -> None:
        self.model, self.target_items = model, target_items
        try:
            self.miner = PopularItemMiner(n_clients, n_items, self.N, self.mining_times, excluded=target_items)
        except ValueError as error:
            raise ValueError(f"attack.{error}") from None

    @abstractmethod
    def loss(self, popular: Tensor, rows: Tensor, model: GlobalModel) -> Tensor:
        """Attack loss of each client [A] from its mined items' embeddings [A, N, d] and the target rows [A, T, d]."""

    def poison(self, view: AttackerView) -> Upload:
        self.miner.observe(view.round, view.clients, view.model.items)
        active = self.miner.ready(view.clients).nonzero().flatten()  # [A] positions in view.clients
        mined = self.miner.mined[view.clients.cpu()[active]].to(view.model.items.device)  # [A, N]
        optimised = self.target_items[:1] if self.multi_target == "copy" else self.target_items
        rows = view.model.items[optimised].expand(len(active), -1, -1).clone().requires_grad_()  # [A, T or 1, d]
        with torch.enable_grad():
            loss = self.loss(view.model.items[mined], rows, view.model)
            (gradient,) = torch.autograd.grad(loss.sum(), rows)
        gradient = gradient.expand(-1, len(self.target_items), -1)  # [A, T, d]
        segments = active.to(gradient.device).repeat_interleave(len(self.target_items))
        return Upload.of_rows(view.clients, self.target_items.repeat(len(active)), segments, gradient.flatten(0, 1))

    def state_dict(self) -> dict[str, Any]:
        return self.miner.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.miner.load_state_dict(state)
