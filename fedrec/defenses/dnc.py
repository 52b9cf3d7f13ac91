"""DnC (divide and conquer): leaves out the clients whose updates stand out along the direction in which updates differ most.

Shejwalkar, Houmansadr, "Manipulating the Byzantine: Optimizing Model Poisoning Attacks and Defenses for Federated Learning", NDSS 2021,
Algorithm 2. `iterations` times: take a random share of the coordinates, centre the updates, find their top right singular vector, and
drop the f with the largest squared projections on it, of equal ones the last. Who is never dropped is accepted; the result is n times the
mean of the accepted. f = floor(malicious_share n), and the paper's filtering fraction c is 1: another share to expect does the same. With
n < 2f + 1 clients, or if nobody is left, the rule falls back.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor

from fedrec.aggregation import ClientSelection, Fallback, WholeUpdates, number_tolerated
from fedrec.interfaces import GlobalModel, Positive, ServerView, Share

DIGITS = 9  # of a relative score; what follows them is rounding
SMALL = 32  # up to so many clients all eigenvectors cost as little as one
BASIS, RESTARTS = 12, 40  # vectors of Lanczos' method; after so many restarts it has cost as much as all eigenvectors


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
            products = products_within(updates, updates.draw_coordinates(self.coordinates, generator))
            accepted[outlier_scores(products).argsort(stable=True)[n - f :]] = False
        return accepted.to(updates.senders.device), torch.ones_like(updates.coefficients)


def products_within(updates: WholeUpdates, chosen: GlobalModel) -> Tensor:
    """Return the scalar products between the updates in the chosen coordinates only, [S, S]."""
    from fedrec.aggregation.chosen_coordinates import products_of_chosen
    from fedrec.aggregation.compiled_loops import matrix_product

    rows, of_items = updates.of_items, chosen.items.index_select(0, updates.of_items.keys).cpu().numpy()
    products = products_of_chosen(*rows.arrays(np.float64), of_items, rows.senders.cpu().numpy().astype(np.uint64), len(updates.senders))
    senders = updates.scorer[0].cpu().numpy()
    for name, value in updates.scorer[1].items():
        part = np.ascontiguousarray(value.flatten(1)[:, chosen.scorer[name].flatten()].cpu(), np.float64)
        products[np.ix_(senders, senders)] += matrix_product(part, part.T.copy())
    return torch.from_numpy(products)


def outlier_scores(products: Tensor) -> Tensor:
    """Return the squared projection of each centred vector on their top right singular vector, [S]; from the scalar products, [S, S].

    The scores are those relative to the largest. The left singular vectors are the eigenvectors of the products.
    """
    means = products.mean(1)
    scores = top_eigenvector(products - means - (means - means.mean())[:, None]).square()
    return (scores / scores.max()).round(decimals=DIGITS)


def top_eigenvector(matrix: Tensor) -> Tensor:
    """Return the eigenvector of the largest eigenvalue of a symmetric matrix, [S, S] -> [S]; to machine precision, by Lanczos' method."""
    n, largest = len(matrix), float(matrix.abs().max())
    if n > SMALL and largest > 0:
        scaled = matrix / largest  # the method takes tiny numbers for zero
        operator = LinearOperator((n, n), lambda vector: (scaled @ torch.from_numpy(vector)).numpy(), dtype=np.float64)
        try:
            start = np.random.default_rng(0).standard_normal(n)  # no symmetry of the updates is its own
            return torch.from_numpy(eigsh(operator, 1, which="LA", v0=start, ncv=BASIS, maxiter=RESTARTS)[1][:, 0])
        except ArpackNoConvergence:
            pass
    vectors: Tensor = torch.linalg.eigh(matrix).eigenvectors
    return vectors[:, -1]
