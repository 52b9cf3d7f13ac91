"""The server's aggregation function Agg (Sec. III-A): all that is uploaded in a round -> one gradient per global parameter."""

from dataclasses import replace

from fedrec.aggregation.finite_rows import finite
from fedrec.interfaces import Aggregation, Aggregator, Defense, GlobalModel, ServerView, Upload


class Sum(Aggregator):
    """The plain sum, no defense; never makes a row that is not dense."""

    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        return Aggregation(GlobalModel(*upload.total(len(view.model.items))))


def aggregate(defense: Defense, upload: Upload, view: ServerView) -> tuple[Aggregation, int | None]:
    """The upload through a defense's transforms and its aggregator; how many uploads that were not finite it first dropped.

    They never see clients that sent nothing, who would count as updates of 0. Without either, the plain sum of everything, and None.
    """
    if defense.server is None and not defense.transforms:
        return Sum()(upload, view), None
    upload, n_dropped = finite(upload)
    upload, positions = upload.without_silent()
    for transform in defense.transforms:
        upload = transform(upload, view)
    aggregation = (defense.server or Sum())(upload, view)
    if aggregation.inspected is not None:
        aggregation = replace(aggregation, inspected=positions[aggregation.inspected])
    return aggregation, n_dropped
