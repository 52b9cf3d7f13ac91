"""The server's aggregation function Agg (Sec. III-A): from all uploads of a round to one gradient per global parameter."""

from dataclasses import replace

from fedrec.aggregation.finite_rows import finite
from fedrec.interfaces import MANY_ITEMS, Aggregation, Aggregator, Defense, GlobalModel, ServerView, Upload


class Sum(Aggregator):
    """The plain sum, which is no defense. It makes no row that an upload holds in factors."""

    keeps_models = False

    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        n_items = len(view.model.items)
        if n_items < MANY_ITEMS:
            return Aggregation(GlobalModel(*upload.total(n_items)))
        touched, upload = upload.renumbered(n_items)
        return Aggregation(GlobalModel(*upload.total(len(touched))), touched=touched)


def aggregate(defense: Defense, upload: Upload, view: ServerView) -> tuple[Aggregation, int | None]:
    """Return what a defense's transforms and its aggregator make of an upload, and how many uploads were dropped as not finite.

    Clients that sent nothing are left out, or they would count as updates of 0. Without a server-side defense the result is the plain
    sum, and nothing is dropped (None).
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
