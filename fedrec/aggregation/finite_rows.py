"""Uploads that no rule can work with: rows that are not finite, or so long that sums of their squares would not be."""

import math

import torch

from fedrec.interfaces import DenseScorerGradients, ScorerPart, Upload


def finite(upload: Upload) -> tuple[Upload, int]:
    """Return an upload without such rows and without the scorer gradients of clients that sent such ones, and how many were dropped."""
    n_dropped, groups, scorer = 0, upload.groups, upload.scorer
    longest = _longest(upload)
    if not all(bool(part.bound() < longest) for group in groups for part in group.parts):
        sound = torch.linalg.vector_norm(upload.rows, dim=1) < longest
        n_dropped += int((~sound).sum())
        groups = upload.only(sound).groups
    if scorer:
        senders, gradients = upload.scorer_rows()
        lengths = torch.stack([torch.linalg.vector_norm(value.flatten(1), dim=1) for value in gradients.values()])
        sound = (lengths < longest).all(0)
        n_dropped += int((~sound).sum())
        scorer = (ScorerPart(senders[sound], DenseScorerGradients({name: value[sound] for name, value in gradients.items()})),)
    return Upload(upload.clients, groups, scorer), n_dropped


def _longest(upload: Upload) -> float:
    """Return the length from which on a row is dropped.

    Rules square sums and differences of rows. If every row is shorter, four times the sum of all squared lengths cannot overflow.
    """
    largest = torch.finfo(upload.groups[0].parts[0].bound().dtype).max
    n_rows = len(upload.items) + sum(len(part.senders) for part in upload.scorer)
    return math.sqrt(largest / max(n_rows, 1)) / 4
