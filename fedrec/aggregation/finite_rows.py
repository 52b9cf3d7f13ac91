"""Uploads that no rule can work with: rows that are not finite, or so long that their squares are not."""

import math

import torch

from fedrec.interfaces import DenseScorerGradients, ScorerPart, Upload


def finite(upload: Upload) -> tuple[Upload, int]:
    """Without such rows, and without the gradients of the scorer of clients who sent such ones; how many were dropped."""
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
    """Four times the sum of the squares of as many shorter rows as the upload has is a number."""
    largest = torch.finfo(upload.groups[0].parts[0].bound().dtype).max
    n_rows = len(upload.items) + sum(len(part.senders) for part in upload.scorer)
    return math.sqrt(largest / max(n_rows, 1)) / 4
