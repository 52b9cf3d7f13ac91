"""An attacker whose clients send the same poison in parts that are not alike (`attack.decorrelate`), chosen for this project.

Rules such as FoolsGold take likeness for malice. The rows that several malicious clients of a round would send for an item are replaced
by as many random parts with the same sum, one a client: the mean of the rows, and a direction of the client's own that is `SPREAD` times as
long on average, less the mean of these directions. A plain sum yields what it would have yielded. A client keeps its direction in all
rounds, because rules that add up what a client has sent would average fresh ones away. The same goes for every tensor of the scorer.
The parts are some three times as long as the rows, so a largest length that the attack keeps to (`max_norm`) does not hold for them.
"""

import math
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

from fedrec.interfaces import DenseScorerGradients, ScorerPart, Upload
from fedrec.ragged import distinct
from fedrec.randomness import generator

SPREAD = 3.0  # with 1 an attack on FoolsGold loses a part of its effect, with 100 FoolsGold's weights leave a part of the directions


def decorrelated(upload: Upload, n_clients: int, n_items: int, seed: int) -> Upload:
    """Return an upload with the same sums, in which each client sends a random part; `upload.clients` are among 0..n_clients-1."""
    senders, gradients = upload.scorer_rows()
    parts = {name: _tensor_parts(name, value, upload.clients[senders], n_clients, seed) for name, value in gradients.items()}
    scorer = (ScorerPart(senders, DenseScorerGradients(parts)),) if parts else ()
    if not len(upload.items):
        return replace(upload, scorer=scorer)
    own = directions(n_clients, upload.rows.shape[1], seed, "items").to(upload.rows)[upload.clients[upload.segments]]
    touched, numbers = distinct(upload.items, n_items)
    rows = split(upload.rows, own, numbers.long(), len(touched))
    return Upload.of_rows(upload.clients, upload.items, upload.segments, rows, scorer)


def split(rows: Tensor, own: Tensor, groups: Tensor, n_groups: int) -> Tensor:
    """Return parts of the sums of the rows of each group, which is not empty; rows and own directions [n, p], groups [n] int64 -> [n, p].

    >>> split(torch.tensor([[3.0, 4.0]]), torch.ones(1, 2), torch.tensor([0]), 1).tolist()
    [[3.0, 4.0]]
    """
    mean, common = _means(rows, groups, n_groups), _means(own, groups, n_groups)  # [G, p]
    lengths: Tensor = torch.linalg.vector_norm(mean, dim=1, keepdim=True)  # [G, 1]
    return mean[groups] + SPREAD * lengths[groups] * (own - common[groups])


def _means(values: Tensor, groups: Tensor, n_groups: int) -> Tensor:
    """Return the mean of the values of each group; [n, p] -> [G, p]."""
    sums: Tensor = values.new_zeros(n_groups, values.shape[1]).index_add_(0, groups, values)
    return sums.div_(torch.bincount(groups, minlength=n_groups)[:, None])


@lru_cache(maxsize=16)
def directions(n_clients: int, size: int, seed: int, name: str) -> Tensor:
    """Return the direction of every client, of length 1 on average, [n_clients, size]."""
    return torch.randn(n_clients, size, generator=generator(seed, f"decorrelate/{name}")) / math.sqrt(size)


def _tensor_parts(name: str, value: Tensor, clients: Tensor, n_clients: int, seed: int) -> Tensor:
    """Return parts of the sum of a tensor of the scorer; [c, ...] -> [c, ...]."""
    flat = value.flatten(1)
    own = directions(n_clients, flat.shape[1], seed, name).to(flat)[clients]
    return split(flat, own, torch.zeros_like(clients), 1).view_as(value)
