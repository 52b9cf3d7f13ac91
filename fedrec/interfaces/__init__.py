"""Every value that travels in a round and every protocol; imports nothing of fedrec but what clients upload and ragged kernels.

One round: `ClientBatch` and `GlobalModel` -> `LocalGradients` -> `Upload` (benign and poison, in sampling order) -> one gradient
per global parameter -> next `GlobalModel`. Letters in shape comments: U users, M items, C benign clients, A malicious clients,
S = C + A sampled clients, E training pairs of a round, n uploaded rows, N mined items, T targets, d embedding size.
"""

from fedrec.interfaces.attack import Attack, AttackerKnowledge, AttackerView, PriorKnowledge, PriorWanted
from fedrec.interfaces.callback import Callback, Evaluation, Pruned, RunInfo, Status
from fedrec.interfaces.dataset import Dataset, Interactions, Split
from fedrec.interfaces.defense import Aggregation, Aggregator, ClientDefense, Defense, ServerKnowledge, ServerView, Transform
from fedrec.interfaces.model import Loss, Model, PairwiseScorerGradients
from fedrec.interfaces.ranges import NonNegative, Positive, Rate, Share
from fedrec.interfaces.round import ClientBatch, GlobalModel, LocalGradients, LocalModel, RoundResult, gather
from fedrec.interfaces.upload import (
    DenseRows,
    DenseScorerGradients,
    FactoredRows,
    ProjectedRows,
    RowGroup,
    Rows,
    ScorerGradients,
    ScorerPart,
    Upload,
)

__all__ = [
    "Aggregation",
    "Aggregator",
    "Attack",
    "AttackerKnowledge",
    "AttackerView",
    "Callback",
    "ClientBatch",
    "ClientDefense",
    "Dataset",
    "Defense",
    "DenseRows",
    "DenseScorerGradients",
    "Evaluation",
    "FactoredRows",
    "GlobalModel",
    "Interactions",
    "LocalGradients",
    "LocalModel",
    "Loss",
    "Model",
    "NonNegative",
    "PairwiseScorerGradients",
    "Positive",
    "PriorKnowledge",
    "PriorWanted",
    "ProjectedRows",
    "Pruned",
    "Rate",
    "RoundResult",
    "RowGroup",
    "Rows",
    "RunInfo",
    "ScorerGradients",
    "ScorerPart",
    "ServerKnowledge",
    "ServerView",
    "Share",
    "Split",
    "Status",
    "Transform",
    "Upload",
    "gather",
]
