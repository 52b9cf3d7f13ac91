"""A poisoning attack, and all that it may know."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from fedrec.interfaces.model import Loss, Model
from fedrec.interfaces.ranges import Positive
from fedrec.interfaces.round import GlobalModel
from fedrec.interfaces.upload import Upload


@dataclass(frozen=True, slots=True)
class AttackerView:
    """An attack's only argument in a round: what its sampled malicious clients legitimately receive (Sec. III-B)."""

    round: int
    clients: Tensor  # [A] sampled malicious clients, numbered from 0
    model: GlobalModel
    learning_rate: float  # eta, unified, specified by the server (Sec. III-A)


@dataclass(frozen=True, slots=True)
class PriorWanted:
    """What an attack asks to know beyond the threat model; nothing unless its options say so."""

    interactions: float = 0.0  # share xi of each user's training items
    popularity: bool = False


@dataclass(frozen=True, slots=True)
class PriorKnowledge:
    """What an attack that asked for it knows beyond the threat model (Table I); None otherwise."""

    interactions: tuple[Tensor, Tensor] | None = None  # known pairs: users [K] int64, ascending, and items [K] int64
    popularity_ranks: Tensor | None = None  # [M] int64, 1 = most interactions in training


@dataclass(frozen=True, slots=True)
class AttackerKnowledge:
    """An attack's only argument before training (Sec. III-B): its own clients, what every participant knows, its goal."""

    n_clients: int  # malicious clients
    n_items: int
    model: "Model"  # structure of the recommender, without its parameters
    loss: "Loss"  # what every client trains
    target_items: Tensor  # [T] int64
    seed: int  # the attack's own
    prior: PriorKnowledge = PriorKnowledge()


@dataclass(kw_only=True)
class Attack(ABC):
    """Every attack has targets, `none` too: exposure without an attack is measured on them."""

    takes_part: ClassVar[bool] = True  # whether malicious clients join the federation
    paper: ClassVar[str] = ""  # short citation, for the catalog
    knowledge: ClassVar[str] = ""  # what it needs beyond the threat model of Sec. III-B (Table I)
    applies_to: ClassVar[str] = ""  # MF-FRS, DL-FRS

    num_targets: Positive
    targets: Literal["random", "unpopular", "published"] | list[Annotated[int, Field(ge=0)]]

    def prior_wanted(self) -> PriorWanted:
        """What `setup` shall be told beyond the threat model."""
        return PriorWanted()

    @abstractmethod
    def setup(self, known: AttackerKnowledge) -> None:
        """Run-time facts, once. Raises ValueError if an option does not fit them."""

    @abstractmethod
    def poison(self, view: AttackerView) -> Upload:
        """The poisonous gradients of the sampled malicious clients; may be empty, never None."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]: ...

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...
