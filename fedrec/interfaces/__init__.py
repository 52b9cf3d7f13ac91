"""Every value that travels in a round and every part that one can write. An author of a plug-in reads this room and no other.

One round: `ClientBatch` and `GlobalModel` -> `LocalGradients` -> `Upload` (benign and poison, in sampling order) -> one gradient per
global parameter -> next `GlobalModel`. Letters in shape comments: U users, M items, C benign clients, A malicious clients, S = C + A
sampled clients, E training pairs of a round, n uploaded rows, N mined items, T targets, d embedding size.
"""

from fedrec.interfaces.attack import Attack, AttackerKnowledge, AttackerView, PriorKnowledge, PriorWanted
from fedrec.interfaces.benign_uploads import BenignUploads, UploadStatistics
from fedrec.interfaces.callback import Callback, Evaluation, Pruned, RunInfo, Status, WithoutAttack
from fedrec.interfaces.dataset import Dataset, Ids, Interactions, Split
from fedrec.interfaces.defense import MANY_ITEMS, Aggregation, Aggregator, ClientDefense, Defense, ServerKnowledge, ServerView, Transform
from fedrec.interfaces.gradient_rows import DenseRows, FactoredRows, ProjectedRows, RowGroup, Rows, SharedRows
from fedrec.interfaces.model import Loss, Model, PairwiseScorerGradients
from fedrec.interfaces.ranges import Countable, EachOnce, ItemId, NonNegative, Number, Positive, Rate, Share
from fedrec.interfaces.round import (
    ClientBatch,
    GlobalModel,
    ItemChanges,
    LocalGradients,
    LocalModel,
    OwnItems,
    ReplacedRows,
    RoundResult,
    gather,
)
from fedrec.interfaces.upload import DenseScorerGradients, ScorerGradients, ScorerPart, Upload

__all__ = ["Attack", "AttackerKnowledge", "AttackerView", "PriorKnowledge", "PriorWanted"]
__all__ += ["BenignUploads", "UploadStatistics"]
__all__ += ["Callback", "Evaluation", "Pruned", "RunInfo", "Status", "WithoutAttack"]
__all__ += ["Dataset", "Ids", "Interactions", "Split"]
__all__ += ["MANY_ITEMS", "Aggregation", "Aggregator", "ClientDefense", "Defense", "ServerKnowledge", "ServerView", "Transform"]
__all__ += ["Loss", "Model", "PairwiseScorerGradients"]
__all__ += ["Countable", "EachOnce", "ItemId", "NonNegative", "Number", "Positive", "Rate", "Share"]
__all__ += ["ClientBatch", "GlobalModel", "ItemChanges", "LocalGradients", "LocalModel", "OwnItems", "ReplacedRows", "RoundResult"]
__all__ += ["gather"]
__all__ += ["DenseRows", "FactoredRows", "ProjectedRows", "RowGroup", "Rows", "SharedRows"]
__all__ += ["DenseScorerGradients", "ScorerGradients", "ScorerPart", "Upload"]
