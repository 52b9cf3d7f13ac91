"""Virtual users of FRecAttack2: what they look like, how they score all items, and their gradients by items of each client's own.

Hao et al., "Not One Less: Exploring Interplay between User Profiles and Items in Untargeted Attacks against Federated Recommendation", CCS
2024.
"""

from collections.abc import Mapping

import torch
from torch import Generator, Tensor
from torch.nn.functional import softplus

from fedrec.interfaces import ClientBatch, GlobalModel, Model, RowGroup
from fedrec.poisoning.fake_users import equal_batch
from fedrec.poisoning.k_means import k_means, silhouettes

MOST_CLUSTERS = 11
MOST_COLLUDERS = 1000  # whom clusters are made of; distances between all of more would take long
SCORES_AT_ONCE = 4_000_000  # bounds memory whatever the number of items


def clusters_of(users: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """Return centres [k, d] and sizes [k] of the clusters of users [n, d]: 2 to 11, the best silhouette tells; one if n < 3."""
    order = torch.randperm(min(len(users), MOST_COLLUDERS), generator=generator).to(users.device)
    users, most = users[: len(order)], min(MOST_CLUSTERS, len(users) - 1)
    if most < 2:
        return users.mean(0, keepdim=True), torch.tensor([len(users)], device=users.device)
    used = torch.arange(most, device=users.device) < torch.arange(2, most + 1, device=users.device)[:, None]  # [B, C]
    centres, labels = k_means(users, users[order[:most]].expand(len(used), -1, -1), used)
    best = silhouettes(users, labels, most).argmax()
    sizes = torch.bincount(labels[best], minlength=most)
    return centres[best][sizes > 0], sizes[sizes > 0]


def around_clusters(centres: Tensor, sizes: Tensor, spread: float, noise: Tensor) -> Tensor:
    """Return virtual users [A, n, d], as many around each centre [k, d] as its size [k] tells; noise [A, n, d] from N(0, 1).

    The deviation from a centre is that of the largest cluster, `spread`, times the size of its own cluster over that of the largest.
    """
    ends = sizes.cumsum(0) * noise.shape[1] // sizes.sum()
    which = torch.arange(len(sizes), device=sizes.device).repeat_interleave(ends.diff(prepend=ends.new_zeros(1)))  # [n]
    deviations = spread * sizes.to(noise.dtype) / sizes.max()
    return centres[which] + deviations[which, None] * noise


def summed_scores(model: Model, users: Tensor, global_model: GlobalModel) -> Tensor:
    """Return the sum of the predictions of each client's virtual users [A, n, d] for every item, [A, M]."""
    n_clients, n_users, _ = users.shape
    sums = users.new_empty(n_clients, len(global_model.items))
    size = max(1, SCORES_AT_ONCE // (sums.shape[1] * n_users))
    for start in range(0, len(users), size):
        block = users[start : start + size].flatten(0, 1)  # [a * n, d]
        scores = model.score_all(block, global_model, block.new_empty(sums.shape[1], len(block)))  # [M, a * n]
        sums[start : start + size] = torch.sigmoid(scores).unflatten(1, (-1, n_users)).sum(2).T
    return sums


def mean_gradients(
    model: Model, users: Tensor, items: Tensor, labels: Tensor, weight: float, global_model: GlobalModel
) -> tuple[Tensor, Mapping[str, Tensor]]:
    """Return `weight` times the gradients of each client's mean binary cross-entropy, by its items and by the scorer.

    These are [A, k, d] and {name: [A, ...]}. users [A, n, d]; items [A, k], which all virtual users of a client share; labels [k],
    positives first.
    """
    n_clients, n_users, _ = users.shape
    batch = equal_batch(items.repeat_interleave(n_users, 0), labels.expand(n_clients * n_users, -1))
    local = model.local_gradients(users.flatten(0, 1), global_model, batch, mean_cross_entropy)
    places = torch.arange(items.numel(), dtype=torch.int32, device=items.device).view(items.shape)  # one for each client's each item
    group = RowGroup(batch.clients, batch.offsets, batch.items, local.rows)
    group = group.renumbered(items.flatten(), places.repeat_interleave(n_users, 0).flatten())
    first, *others = (part.sum(group, items.numel()) for part in group.parts)
    parts = {} if local.scorer is None else local.scorer.per_client()
    means = {name: weight * value.unflatten(0, (n_clients, n_users)).mean(1) for name, value in parts.items()}
    return sum(others, first).view(*items.shape, -1) * (weight / n_users), means


def mean_cross_entropy(scores: Tensor, batch: ClientBatch) -> tuple[Tensor, Tensor]:
    """Return the mean binary cross-entropy of users with equally many pairs; as `interfaces.Loss`."""
    n_pairs = len(scores) // max(len(batch.clients), 1)
    losses = softplus(scores) - batch.labels * scores
    return losses.view(len(batch.clients), n_pairs).mean(1), (torch.sigmoid(scores) - batch.labels) / n_pairs
