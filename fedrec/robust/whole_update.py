"""A client's whole update as one vector: all its rows and its gradients of the interaction function, 0 where it sends nothing."""

from torch import Tensor

from fedrec.robust.grouped import GroupedUploads
from fedrec.uploads import Upload


def products_of_updates(upload: Upload, n_items: int) -> Tensor:
    """Scalar products of the sampled clients' updates, [S, S]; no update is ever made as a vector."""
    n, uploads = len(upload.clients), GroupedUploads.by_item(upload, n_items)
    products = uploads.vectors.new_zeros(n * n)
    for _, where, rows in uploads.blocks():
        senders = uploads.senders[where].view(rows.shape[:2])
        pairs = senders[:, :, None] * n + senders[:, None]  # [g, n, n]
        products.index_add_(0, pairs.flatten(), (rows @ rows.mT).flatten())
    products = products.view(n, n)
    senders, gradients = upload.interaction_rows()
    for value in gradients.values():
        vectors = value.flatten(1)
        products[senders[:, None], senders] += vectors @ vectors.T
    return products
