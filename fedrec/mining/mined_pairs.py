"""Which of a client's private pairs have one of its popular items.

They are looked up twice: among the arbitrary items before the mining and among the mined ones after it. In all later rounds they are known,
because neither D_i nor P_i changes.
"""

import torch
from torch import Tensor

from fedrec.interfaces import ClientBatch
from fedrec.ragged import positions


class MinedPairs:
    """What has been looked up for n_clients clients with N popular items each."""

    def __init__(self, n_clients: int, n_popular: int) -> None:
        self.looked_up = torch.zeros(n_clients, dtype=torch.int8)  # for which items: 1 arbitrary ones, 2 mined ones, 0 none
        self.places = torch.zeros(n_clients, n_popular, dtype=torch.int32)  # of the pairs in D_i, from 1; 0 fills up a row
        self.shares = torch.zeros(n_clients)  # 1 / |D_i - P_i|, repeats included

    def forget(self) -> None:
        """Look everything up again."""
        self.looked_up.zero_()

    def of(self, batch: ClientBatch, popular: Tensor, has_mined: Tensor, n_items: int) -> tuple[Tensor, Tensor]:
        """Return the pairs of a batch whose item is among the popular items [C, N] of its client, [k] int64, and 1 / |D_i - P_i|, [C].

        has_mined [C] says for which clients these are the mined items.
        """
        clients, device, wanted = batch.clients.cpu(), batch.items.device, 1 + has_mined.to(torch.int8)
        if not torch.equal(self.looked_up.index_select(0, clients), wanted):
            places, shares = _look_up(batch, popular, n_items)
            self.looked_up[clients], self.places[clients], self.shares[clients] = wanted, places.cpu(), shares.cpu()
        places = self.places.index_select(0, clients).to(device)
        return (places + (batch.offsets[:-1, None] - 1))[places > 0].long(), self.shares.index_select(0, clients).to(device)


def _look_up(batch: ClientBatch, popular: Tensor, n_items: int) -> tuple[Tensor, Tensor]:
    """Return the places [C, N] and the shares [C] of a batch."""
    inside, owners = _inside(batch, popular.long(), n_items)
    n_inside = torch.bincount(owners, batch.counts.index_select(0, inside), len(popular))  # [C], repeats included
    ends = torch.bincount(owners, minlength=len(popular)).cumsum(0)  # [C], of the pairs of each client in `inside`
    columns = ends.index_select(0, owners) - torch.arange(1, len(owners) + 1, device=owners.device)  # [k], distinct for a client
    places = torch.zeros_like(popular)
    places[owners, columns] = (inside - batch.offsets.index_select(0, owners) + 1).int()
    return places, 1 / (batch.n_draws - n_inside).clamp(min=1)


def _inside(batch: ClientBatch, popular: Tensor, n_items: int) -> tuple[Tensor, Tensor]:
    """Return the pairs whose item is among the popular items [C, N] of its client, [k] int64, and their clients' positions, [k] int64.

    Most clients have the same few popular items, so few pairs have an item that is popular with anybody, and the table with a column for
    each of these items stays small.
    """
    is_popular = torch.zeros(n_items, dtype=torch.bool, device=popular.device).index_fill_(0, popular.flatten(), True)
    columns = is_popular.cumsum(0)  # [M], from 1
    pairs = positions(is_popular.index_select(0, batch.items))
    owners = torch.searchsorted(batch.offsets, pairs, right=True) - 1
    table = torch.zeros(len(popular), int(columns[-1]) + 1, dtype=torch.bool, device=popular.device).scatter_(1, columns[popular], True)
    of_pairs = columns.index_select(0, batch.items.index_select(0, pairs)) + owners * table.shape[1]
    own = positions(table.view(-1).index_select(0, of_pairs))
    return pairs.index_select(0, own), owners.index_select(0, own)
