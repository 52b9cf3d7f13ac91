"""What both PIECK attacks share: each client mines popular items, then uploads gradients of the target rows made from them.

Zhang et al., "Preventing the Popular Item Embedding Based Attack in Federated Recommendations", ICDE 2024, Algorithms 2 and 3.
With `starts=mined` a client uploads from the participation in which its mining ends (its third with R~ = 2), as Algorithm 1 has it. With
`starts=first` it uploads from its first participation on, and arbitrary items stand for the popular ones until then, as in the released
code. The first poisoned rounds throw the targets far out, which decides much of the rest.

An attacker that knows the defense of the same paper, `ours`, is `adaptive` (chosen for this project). Mining still works against it,
because a client's Re1 begins only when the client has mined. But popular items no longer stand for users: Re1 makes them long, so that the
loss of a target that goes their way has no slope, and Re2 drives users from them. So each client trains a user of its own on what it has
mined, as a user with the defense would, and in the attack's loss this user takes the place of every mined item. There is no upload before
mining ends then. `gamma` is that of the defense, as a weight of Re2 summed over the coordinates.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from fedrec.interfaces import Attack, AttackerKnowledge, AttackerView, NonNegative, Positive, ReplacedRows, Upload
from fedrec.mining import PopularItemMiner
from fedrec.poisoning.fake_users import target_upload
from fedrec.poisoning.stand_in_users import StandInUsers
from fedrec.ragged import positions


@dataclass(kw_only=True)
class MinedItemsAttack(Attack):
    """`multi_target`: `copy` optimises the first target and uploads its gradient for all; `together` optimises all (supplement C)."""

    paper = "Zhang et al., PIECK, ICDE 2024"
    knowledge = "none"
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"
    memory = ("miner", "stand_ins")
    keeps_models = False

    N: Positive
    mining_times: Positive
    starts: Literal["first", "mined"]
    multi_target: Literal["copy", "together"]
    adaptive: bool
    gamma: NonNegative
    miner: PopularItemMiner = field(init=False)
    stand_ins: StandInUsers | None = field(init=False, default=None)

    def setup(self, known: AttackerKnowledge) -> None:
        super().setup(known)
        try:
            self.miner = PopularItemMiner(known.n_clients, known.n_items, self.N, self.mining_times, excluded=known.target_items)
            self.stand_ins = StandInUsers(known, self.N, self.gamma) if self.adaptive else None
        except ValueError as error:
            raise ValueError(f"attack.{error}") from None

    @abstractmethod
    def gradients(self, popular: Tensor, targets: Tensor, view: AttackerView) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Return the gradients of A clients' attack losses by the target rows [A, T, d] and by the scorer {name: [A, ...]}, perhaps {}.

        popular [A, N, d]: embeddings of each client's mined items, or N times its stand-in, constants; targets [T]: the items to optimise.
        """

    def in_place_of_items(self, users: Tensor, view: AttackerView) -> Tensor:
        """Return what takes the place of a client's mined items if the attack is adaptive; stand-ins [A, d] -> [A, d]."""
        return users

    def poison(self, view: AttackerView) -> Upload:
        self.miner.observe(view.round, view.clients, view.model.items)
        device, target_items = view.model.items.device, self.known.target_items
        clients, active = view.clients.cpu(), torch.arange(len(view.clients))  # [A] positions in view.clients
        if self.starts == "mined" or self.adaptive:
            active = positions(self.miner.ready(clients))
        mined = self.miner.mined.index_select(0, own := clients.index_select(0, active))  # [A, N]
        if self.stand_ins is not None:
            popular = self.in_place_of_items(self.stand_ins.train(view, own, mined), view)[:, None].expand(-1, self.N, -1)
        else:
            popular = view.model.items.index_select(0, mined.flatten().to(device)).unflatten(0, mined.shape)  # [A, N, d]
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
