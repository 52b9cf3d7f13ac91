"""Geometric median, centered clipping and nearest-neighbour mixing, upload by upload, as their papers write them."""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tests.reference.defenses import RobustSum, global_model, heard
from tests.reference.federation import Parameters, Sent

Centre = Callable[[Hashable, list[Tensor]], Tensor]  # from what is aggregated and the uploads for it: what stands for one upload


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
    """What the server does with all uploads of a round instead of adding them up."""

    centre: Centre
    scope: str = "per_item"

    def __call__(self, items: Tensor, scorer: Parameters, uploads: Sequence[Sent]) -> tuple[Tensor, dict[str, Tensor]]:
        rows, parameters, _ = global_model(uploads)
        if self.scope == "whole_update":
            vectors = [self.vector(client, items, scorer, rows, parameters) for client in heard(uploads)]
            return RobustSum.split(len(vectors) * self.centre("all", vectors), items, scorer)
        total = torch.zeros_like(items)
        for item, sent in rows.items():
            total[item] = len(sent) * self.centre(item, list(sent.values()))
        return total, {name: len(sent) * self.centre(name, list(sent.values())) for name, sent in parameters.items()}

    @staticmethod
    def vector(
        client: int,
        items: Tensor,
        scorer: Parameters,
        rows: dict[int, dict[int, Tensor]],
        parameters: dict[str, dict[int, Tensor]],
    ) -> Tensor:
        """All that a client sends, 0 for what it does not."""
        of_items = torch.zeros_like(items)
        for item, sent in rows.items():
            if client in sent:
                of_items[item] = sent[client]
        of_tensors = [parameters.get(name, {}).get(client, torch.zeros_like(value)) for name, value in scorer.items()]
        return torch.cat([of_items.flatten(), *(value.flatten() for value in of_tensors)])


def mixed(uploads: list[Tensor], malicious_share: float) -> list[Tensor]:
    """Allouah et al., AISTATS 2023, Algorithm 2; of equally close uploads the first is taken."""
    n_mixed = len(uploads) - math.floor(malicious_share * len(uploads) + 1e-9)
    result = []
    for upload in uploads:
        order = sorted(range(len(uploads)), key=lambda other: float(((uploads[other] - upload) ** 2).sum()))
        result.append(sum(uploads[other] for other in order[:n_mixed]) / n_mixed)
    return result


def mixed_uploads(uploads: Sequence[Sent], malicious_share: float) -> list[Sent]:
    """What the server goes on with: each client sends the means in place of what it sent."""
    rows, parameters, _ = global_model(uploads)
    sent: list[tuple[list[int], list[Tensor], dict[str, Tensor]]] = [([], [], {}) for _ in uploads]
    for item, by_sender in rows.items():
        for sender, row in zip(by_sender, mixed(list(by_sender.values()), malicious_share), strict=True):
            sent[sender][0].append(item)
            sent[sender][1].append(row)
    for name, by_sender in parameters.items():
        for sender, value in zip(by_sender, mixed(list(by_sender.values()), malicious_share), strict=True):
            sent[sender][2][name] = value
    nothing = uploads[0][1][:0]
    return [(torch.tensor(items).long(), torch.stack(values) if values else nothing, tensors) for items, values, tensors in sent]
