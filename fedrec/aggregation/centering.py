"""Rules that move a centre among uploads by their distances to it: in each group, or among whole updates."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from fedrec.aggregation.grouped_uploads import GroupedUploads
from fedrec.aggregation.rule import Rule
from fedrec.aggregation.whole_updates import WholeUpdates
from fedrec.interfaces import Aggregation, Positive, ServerView, Upload

Uploads = GroupedUploads | WholeUpdates


@dataclass(kw_only=True)
class Centring(Rule):
    """Distances are those of the rows themselves: from scalar products they would lose their digits where uploads resemble each other."""

    iterations: Positive
    scope: Literal["per_item", "whole_update"]

    @abstractmethod
    def centres(self, uploads: Uploads) -> Tensor:
        """What stands for one upload of each group, [J, p]."""

    def tolerated(self, sizes: Tensor) -> Tensor:
        return (sizes - 1) // 2

    def combine(self, uploads: Uploads) -> tuple[Tensor, None]:
        return self.centres(uploads) * uploads.sizes[:, None], None

    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        if self.scope == "per_item":
            return super().__call__(upload, view)
        updates = WholeUpdates(upload, view.model)
        (gradient,), _ = self.combine(updates)
        items = upload.items.unique().long()
        return self.report(updates.split(gradient), items, updates.sizes.expand(len(items)), [])
