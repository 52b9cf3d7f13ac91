"""The server's aggregation function Agg (Sec. III-A): all that is uploaded in a round -> one gradient per global parameter."""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from fedrec.interfaces import GlobalModel
from fedrec.uploads import Upload


class Sum:
    """The plain sum, no defense; never makes a row that is not dense."""

    def __call__(self, upload: Upload, n_items: int) -> tuple[GlobalModel, Mapping[str, float]]:
        first, *others = (part.sum(group, n_items) for group in upload.groups for part in group.parts)
        return GlobalModel(sum(others, first), upload.interaction_total()), {}


def concatenate(benign: Upload, poison: Upload, positions: Tensor, clients: Tensor) -> Upload:
    """Both uploads as the server sees them: clients [S] in sampling order, nothing marks who is malicious.

    positions [S]: where the benign and then the malicious clients stand in that order.
    """
    of = (benign, positions[: len(benign.clients)]), (poison, positions[len(benign.clients) :])
    groups = [replace(group, owners=place[group.owners]) for upload, place in of for group in upload.groups]
    interaction = [replace(part, senders=place[part.senders]) for upload, place in of for part in upload.interaction]
    return Upload(clients, tuple(groups), tuple(interaction))
