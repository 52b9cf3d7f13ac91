"""DnC (divide and conquer): leaves out the clients whose updates stand out along the direction in which updates differ most.

Shejwalkar, Houmansadr, "Manipulating the Byzantine: Optimizing Model Poisoning Attacks and Defenses for Federated Learning", NDSS 2021,
Algorithm 2. `iterations` times: take a random share of the coordinates, centre the updates, find their top right singular vector, and
drop the f with the largest squared projections on it, of equal ones the last. Who is never dropped is accepted; the result is n times the
mean of the accepted. f = floor(malicious_share n), and the paper's filtering fraction c is 1: another share to expect does the same. With
n < 2f + 1 clients, or if nobody is left, the rule falls back.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from fedrec.aggregation import ClientSelection, Fallback, WholeUpdates, number_tolerated
from fedrec.interfaces import Positive, ServerView, Share

DIGITS = 9  # of a relative score; what follows them is rounding


@dataclass(kw_only=True)
class DivideAndConquer(ClientSelection):
    paper = "Shejwalkar & Houmansadr, NDSS 2021"

    malicious_share: Share
    iterations: Positive
    coordinates: Annotated[float, Field(gt=0, le=1)]
    fallback: Fallback

    def n_tolerated(self, n_clients: int) -> int:
        return int(number_tolerated(self.malicious_share, torch.tensor(n_clients)))

    def select(self, updates: WholeUpdates, view: ServerView) -> tuple[Tensor, Tensor]:
        n, generator = len(updates.senders), view.generator("dnc")
        f = self.n_tolerated(n)
        accepted = torch.full((n,), n > 2 * f)
        for _ in range(self.iterations):
            products = updates.products_within(updates.draw_coordinates(self.coordinates, generator))
            accepted[outlier_scores(torch.from_numpy(products)).argsort(stable=True)[n - f :]] = False
        return accepted.to(updates.senders.device), torch.ones_like(updates.coefficients)


def outlier_scores(products: Tensor) -> Tensor:
    """Return the squared projection of each centred vector on their top right singular vector, [S]; from the scalar products, [S, S].

    The scores are those relative to the largest. The left singular vectors are the eigenvectors of the products.
    """
    centred = products - products.mean(0) - products.mean(1, keepdim=True) + products.mean()
    scores: Tensor = torch.linalg.eigh(centred).eigenvectors[:, -1].square()
    return (scores / scores.max()).round(decimals=DIGITS)
