"""Why a robust rule fails: where it did not apply, and whom it left out. Only an observer who knows the malicious clients can tell."""

from collections.abc import Sequence

import torch
from torch import Tensor

from fedrec.interfaces import Aggregation, Upload


def describe_filtering(aggregation: Aggregation, upload: Upload, is_malicious: Tensor, targets: Sequence[int]) -> dict[str, float]:
    """Return the telemetry of what a server-side defense made of an upload; is_malicious [S] bool marks its clients."""
    counts = torch.bincount(upload.items, minlength=max(targets, default=0) + 1)
    uploaded = counts.nonzero().flatten()
    rows, on_targets = len(uploaded), _number_of(uploaded, targets)
    found: dict[str, float | None] = {"target_uploads": _share(int(counts[targets].sum()), len(targets))}
    for name, items in (("fallback", aggregation.fell_back), ("unguarded", aggregation.unguarded)):
        if items is not None:
            found |= {f"{name}_rows": _share(len(items), rows), f"{name}_targets": _share(_number_of(items, targets), on_targets)}
    if aggregation.inspected is not None and aggregation.accepted is not None:
        malicious, filtered = is_malicious[aggregation.inspected], ~aggregation.accepted
        caught = int((malicious & filtered).sum())
        found |= {"filter_precision": _share(caught, int(filtered.sum())), "filter_recall": _share(caught, int(malicious.sum()))}
    return {name: value for name, value in found.items() if value is not None}


def _number_of(items: Tensor, targets: Sequence[int]) -> int:
    return int(torch.isin(items, torch.tensor(targets, device=items.device)).sum())


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
