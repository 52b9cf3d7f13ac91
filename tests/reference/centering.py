"""Geometric median, centered clipping and nearest-neighbour mixing, upload by upload, as their papers write them."""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tests.reference.defenses import RobustSum, by_sender, heard, vector_of
from tests.reference.federation import Parameters, Sent

Centre = Callable[[Hashable, list[Tensor]], Tensor]  # from an item or a parameter and its uploads to what stands for one upload


@dataclass
class GeometricMedian:
    """Pillutla et al., IEEE TSP 2022, Algorithm 2."""

    iterations: int
    smoothing: float

    def __call__(self, key: Hashable, uploads: list[Tensor]) -> Tensor:
        centre = sum(uploads) / len(uploads)
        for _ in range(self.iterations):
            weights = [1 / max(self.smoothing, float((upload - centre).norm())) for upload in uploads]
            centre = sum(weight * upload for weight, upload in zip(weights, uploads, strict=True)) / sum(weights)
        return centre


@dataclass
class CenteredClipping:
    """Karimireddy et al., ICML 2021, Algorithm 2."""

    iterations: int
    tau: float
    history: dict[Hashable, Tensor] = field(default_factory=dict)

    def __call__(self, key: Hashable, uploads: list[Tensor]) -> Tensor:
        v = self.history.get(key, torch.zeros_like(uploads[0]))
        for _ in range(self.iterations):
            step = torch.zeros_like(v)
            for upload in uploads:
                away = float((upload - v).norm())
                step += (upload - v) * (min(1.0, self.tau / away) if away else 1.0)
            v = v + step / len(uploads)
        self.history[key] = v
        return v


@dataclass
class CentredSum:
    """A server that puts a centre in the place of every upload of a round."""

    centre: Centre
    scope: str = "per_item"

    def __call__(self, items: Tensor, scorer: Parameters, uploads: Sequence[Sent]) -> tuple[Tensor, dict[str, Tensor]]:
        rows, parameters, _ = by_sender(uploads)
        if self.scope == "whole_update":
            vectors = [vector_of(client, items, scorer, rows, parameters) for client in heard(uploads)]
            return RobustSum.split(len(vectors) * self.centre("all", vectors), items, scorer)
        total = torch.zeros_like(items)
        for item, sent in rows.items():
            total[item] = len(sent) * self.centre(item, list(sent.values()))
        return total, {name: len(sent) * self.centre(name, list(sent.values())) for name, sent in parameters.items()}


def mixed(uploads: list[Tensor], malicious_share: float) -> list[Tensor]:
    """Return what uploads become by Algorithm 2 of Allouah et al., AISTATS 2023; of equally close uploads the first counts."""
    n_mixed = len(uploads) - math.floor(malicious_share * len(uploads) + 1e-9)
    result = []
    for upload in uploads:
        order = sorted(range(len(uploads)), key=lambda other: float(((uploads[other] - upload) ** 2).sum()))
        result.append(sum(uploads[other] for other in order[:n_mixed]) / n_mixed)
    return result


def mixed_uploads(uploads: Sequence[Sent], malicious_share: float) -> list[Sent]:
    """Return uploads in which each client sends the means in place of what it sent."""
    rows, parameters, _ = by_sender(uploads)
    sent: list[tuple[list[int], list[Tensor], dict[str, Tensor]]] = [([], [], {}) for _ in uploads]
    for item, sent_by in rows.items():
        for sender, row in zip(sent_by, mixed(list(sent_by.values()), malicious_share), strict=True):
            sent[sender][0].append(item)
            sent[sender][1].append(row)
    for name, sent_by in parameters.items():
        for sender, value in zip(sent_by, mixed(list(sent_by.values()), malicious_share), strict=True):
            sent[sender][2][name] = value
    nothing = uploads[0][1][:0]
    return [(torch.tensor(items).long(), torch.stack(values) if values else nothing, tensors) for items, values, tensors in sent]
