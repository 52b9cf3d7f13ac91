"""A poisoning attack, and all that it may know."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from torch import Tensor

from fedrec.interfaces.benign_uploads import BenignUploads
from fedrec.interfaces.model import Loss, Model
from fedrec.interfaces.ranges import ItemId, Positive
from fedrec.interfaces.round import GlobalModel, ReplacedRows
from fedrec.interfaces.upload import Upload


@dataclass(frozen=True, slots=True)
class AttackerView:
    """All that an attack sees in a round: what its sampled malicious clients legitimately receive (Sec. III-B).

    The rates of both steps are told, the server's own as well as eta, as the code of a client would show them.
    An attack whose `prior_wanted` asks for `uploads` sees these, too.
    """

    round: int  # from 0
    clients: Tensor  # [A] int64, the sampled malicious clients, numbered from 0
    model: GlobalModel
    learning_rate: float  # eta, one for all, set by the server (Sec. III-A): what a user embedding, also a made-up one, moves with
    server_learning_rate: float | None = None  # what the server moves items with, if it is not eta
    uploads: BenignUploads | None = None  # beyond the threat model, so None unless it was asked for


@dataclass(frozen=True, slots=True)
class PriorWanted:
    """What an attack asks to know beyond the threat model; nothing unless its options say so."""

    interactions: float = 0.0  # share xi of each user's training items
    popularity: bool = False
    uploads: bool = False  # statistics of the benign uploads, in each round: `AttackerView.uploads`


@dataclass(frozen=True, slots=True)
class PriorKnowledge:
    """What an attack that asked for it knows beyond the threat model (Table I); each part is None unless it was asked for."""

    interactions: tuple[Tensor, Tensor] | None = None  # known pairs: users [K] int64, ascending, and their items [K] int64
    popularity_ranks: Tensor | None = None  # [M] int64, 1 = most interactions in training
    popularity: Tensor | None = None  # [M] int64, interactions in training; told with the ranks


@dataclass(frozen=True, slots=True)
class AttackerKnowledge:
    """All that an attack knows before training (Sec. III-B): its clients, its goal, and what every participant knows."""

    n_clients: int  # malicious clients
    n_items: int
    model: Model  # structure of the recommender, without its parameters
    loss: Loss  # what every client trains
    target_items: Tensor  # [T] int64, none for an untargeted attack
    seed: int  # the attack's own
    prior: PriorKnowledge = PriorKnowledge()


@dataclass(kw_only=True)
class Attack(ABC):
    """A poisoning attack; a new one needs `poison` and a yaml. `none` may have targets, too: their exposure is the baseline."""

    takes_part: ClassVar[bool] = True  # whether malicious clients join the federation
    promotes: ClassVar[bool] = True  # target items; an untargeted attack does not, and declares `num_targets: Number`, which may be 0
    paper: ClassVar[str] = ""  # short citation, for the catalog
    knowledge: ClassVar[str] = ""  # what it needs beyond the threat model of Sec. III-B (Table I)
    applies_to: ClassVar[str] = ""  # MF-FRS, DL-FRS, Fed-LightGCN
    keeps_models: ClassVar[bool] = True  # whether it may need a global model after its round without having copied it
    memory: ClassVar[tuple[str, ...]] = ()  # fields that change from round to round: tensors, or objects with a `state_dict` of their own

    num_targets: Positive
    targets: Literal["random", "unpopular", "published"] | list[ItemId]
    decorrelate: bool = False  # whether the clients of a round send random parts of the sum of their rows for an item
    known: AttackerKnowledge = field(init=False)  # from `setup` on

    def prior_wanted(self) -> PriorWanted:
        """Return what `known.prior` shall hold."""
        return PriorWanted()

    def setup(self, known: AttackerKnowledge) -> None:
        """Keep what the attack knows, once, before the first round. An override raises ValueError if an option does not fit it."""
        self.known = known

    @abstractmethod
    def poison(self, view: AttackerView) -> Upload:
        """Return the poisonous gradients of the sampled malicious clients; there may be no client, and no gradient."""

    def follow(self, replaced: ReplacedRows) -> None:  # noqa: B027 - most attacks look at the model that they receive
        """See which rows of items the round replaced, at its end."""

    def mined_items(self) -> Tensor | None:
        """Return the items that clients have mined as popular, [clients that have mined, N] int; None if the attack mines none."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """Return copies of the fields in `memory`, for a checkpoint; most attacks remember nothing."""
        fields = {name: getattr(self, name) for name in self.memory}
        return {name: part.clone() if isinstance(part, Tensor) else part and part.state_dict() for name, part in fields.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        for name, value in state.items():
            if isinstance(value, Tensor):
                setattr(self, name, value.clone())
            elif value is not None:
                getattr(self, name).load_state_dict(value)
