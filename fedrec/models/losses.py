"""The losses that clients train on: from the scores of all pairs to one loss per client and the derivative by each score.

Binary cross-entropy: Eq. (2). Bayesian personalised ranking: Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit
Feedback", UAI 2009; used in supplement E of the PIECK paper. Scores are logits, before the sigmoid. A client without pairs has loss 0.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from fedrec.interfaces import ClientBatch, Loss
from fedrec.ragged import repeat_each, scalar_segment_sum


def bce(scores: Tensor, batch: ClientBatch) -> tuple[Tensor, Tensor]:
    """Return the mean binary cross-entropy over D_i, Eq. (2); scores [E] -> loss [C], derivative [E]."""
    weights = 1 / batch.n_draws.clamp(min=1)  # [C]
    losses = softplus(scores, threshold=50.0).addcmul_(batch.labels, scores, value=-1).mul_(batch.counts)  # [E]; exact up to the threshold
    derivative = torch.sigmoid(scores).sub_(batch.labels).mul_(repeat_each(weights, batch.sizes)).mul_(batch.counts)
    return scalar_segment_sum(losses, batch.offsets) * weights, derivative


def bpr(scores: Tensor, batch: ClientBatch) -> tuple[Tensor, Tensor]:
    """Return the mean of -log sigmoid(positive - negative); scores [E] -> loss [C], derivative [E].

    Comparison t of a client joins positive t mod n+ and negative t mod n-, and there are max(n+, n-) of them, repeats included. With q
    negatives per positive every positive meets q negatives; where negatives are too few they take turns.
    """
    draws = repeat_each(torch.arange(len(scores), device=scores.device), batch.counts.long())  # the pair of each draw, positives first
    starts = torch.cat([batch.n_draws.new_zeros(1), batch.n_draws.cumsum(0)]).long()  # of each client's draws
    n_positives = scalar_segment_sum(batch.labels * batch.counts, batch.offsets).long()  # [C]
    n_negatives = batch.n_draws.long() - n_positives
    n_pairs = torch.maximum(n_positives, n_negatives) * (n_positives > 0) * (n_negatives > 0)
    offsets = torch.cat([n_pairs.new_zeros(1), n_pairs.cumsum(0)])
    owner = torch.arange(len(n_pairs), device=scores.device).repeat_interleave(n_pairs)  # [pairs]
    turn = torch.arange(len(owner), device=scores.device) - offsets[owner]
    positive = draws[starts[owner] + turn % n_positives[owner]]
    negative = draws[starts[owner] + n_positives[owner] + turn % n_negatives[owner]]
    margin = scores[positive] - scores[negative]
    weights = 1 / n_pairs.clamp(min=1).to(scores.dtype)  # [C]
    loss = scalar_segment_sum(-logsigmoid(margin), offsets) * weights
    slope = -torch.sigmoid(-margin) * weights[owner]  # [pairs]
    return loss, torch.zeros_like(scores).index_add_(0, positive, slope).index_add_(0, negative, -slope)


LOSSES: dict[str, Loss] = {"bce": bce, "bpr": bpr}
