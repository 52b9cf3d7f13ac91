"""What both PIECK attacks share: each client mines popular items, then uploads gradients of the target rows made from them.

Zhang et al., "Preventing the Popular Item Embedding Based Attack in Federated Recommendations", ICDE 2024, Algorithms 2 and 3.
With `starts=mined` a client uploads from the participation in which its mining ends (its third with R~ = 2), as Algorithm 1 has it. With
`starts=first` it uploads from its first participation on, and arbitrary items stand for the popular ones until then, as in the released
code. The first poisoned rounds throw the targets far out, which decides much of the rest.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from fedrec.interfaces import Attack, AttackerKnowledge, AttackerView, Positive, ReplacedRows, Upload
from fedrec.mining import PopularItemMiner
from fedrec.poisoning.fake_users import target_upload
from fedrec.ragged import positions


@dataclass(kw_only=True)
class MinedItemsAttack(Attack):
    """`multi_target`: `copy` optimises the first target and uploads its gradient for all; `together` optimises all (supplement C)."""

    paper = "Zhang et al., PIECK, ICDE 2024"
    knowledge = "none"
    applies_to = "MF-FRS, DL-FRS"
    memory = ("miner",)
    keeps_models = False

    N: Positive
    mining_times: Positive
    starts: Literal["first", "mined"]
    multi_target: Literal["copy", "together"]
    miner: PopularItemMiner = field(init=False)

    def setup(self, known: AttackerKnowledge) -> None:
        super().setup(known)
        try:
            self.miner = PopularItemMiner(known.n_clients, known.n_items, self.N, self.mining_times, excluded=known.target_items)
        except ValueError as error:
            raise ValueError(f"attack.{error}") from None

    @abstractmethod
    def gradients(self, popular: Tensor, targets: Tensor, view: AttackerView) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Return the gradients of A clients' attack losses by the target rows [A, T, d] and by the scorer {name: [A, ...]}, perhaps {}.

        popular [A, N, d]: embeddings of each client's mined items, constants; targets [T]: the items to optimise.
        """

    def poison(self, view: AttackerView) -> Upload:
        self.miner.observe(view.round, view.clients, view.model.items)
        device, target_items = view.model.items.device, self.known.target_items
        clients, active = view.clients.cpu(), torch.arange(len(view.clients))  # [A] positions in view.clients
        if self.starts == "mined":
            active = positions(self.miner.ready(clients))
        mined = self.miner.mined.index_select(0, clients.index_select(0, active)).to(device)  # [A, N]
        popular = view.model.items.index_select(0, mined.flatten()).unflatten(0, mined.shape)  # [A, N, d]
        rows, scorer = self.gradients(popular, self.optimised_targets, view)
        return target_upload(view.clients, active.to(device), target_items, rows.expand(-1, len(target_items), -1), scorer)

    def follow(self, replaced: ReplacedRows) -> None:
        self.miner.follow(replaced)

    @property
    def optimised_targets(self) -> Tensor:
        """The targets whose gradients are computed: the first one (`copy`) or all, [1] or [T]."""
        return self.known.target_items[:1] if self.multi_target == "copy" else self.known.target_items

    def mined_items(self) -> Tensor:
        return self.miner.mined[self.miner.has_mined]
