"""Rules that judge whole updates, as people run them: matrices of all items, one client after another, clusters by scikit-learn.

Each function takes the matrices [M, d] of all clients, which lie ready, and returns the aggregated one on the scale of the sum. They are
written from the papers; the rules of this project are in fedrec/defenses. For MF-FRS, with the defaults of conf/defense, but for GuardCQ,
whose virtual users stay as they are drawn (`user_steps=0`, here and there).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from sklearn.cluster import HDBSCAN, KMeans, MeanShift, estimate_bandwidth
from sklearn.metrics.pairwise import cosine_distances
from torch import Tensor

from experiments.timing.byzfl_rules import built, captured, untouched
from experiments.timing.federation_clock import elapsed
from experiments.timing.rows import WHOLE, Row, median_ms, number, quotient
from fedrec.aggregation.aggregate import aggregate
from fedrec.interfaces import ServerView, Upload
from fedrec.randomness import generator

Updates = Sequence[Tensor]
MALICIOUS_SHARE = 0.05  # that DnC expects, the default of conf/system


@dataclass(frozen=True)
class Round:
    """What a server knows in a round beside the updates."""

    items: Tensor  # [M, d]
    learning_rate: float
    malicious_share: float
    sent: Sequence[Tensor]  # the items that each client uploads something for, [n] each
    users: Tensor  # [u, d] virtual users
    drawing: torch.Generator
    coordinates: float | None = None  # share of the coordinates that a rule looks at; None: its default in conf/defense
    sampled_items: int = 500


def accepted(updates: Updates, kept: Sequence[int], scales: Sequence[float] | None = None) -> Tensor:
    """Return n times the mean of the updates that are kept, each times its scale; the sum of all if nobody is."""
    total = torch.zeros_like(updates[0])
    for client in kept or range(len(updates)):
        total += updates[client] * (scales[client] if scales and kept else 1.0)
    return total * (len(updates) / len(kept)) if kept else total


def clipped_to_median(updates: Updates) -> list[float]:
    lengths = [float(update.norm()) for update in updates]
    middle = float(np.median(lengths))
    return [min(1.0, middle / length) if length else 1.0 for length in lengths]


def flame(updates: Updates, server: Round) -> Tensor:
    distances = cosine_distances(torch.stack([update.flatten() for update in updates]).double().numpy())
    options = {"min_samples": 1, "metric": "precomputed", "allow_single_cluster": True, "copy": False}
    labels = HDBSCAN(min_cluster_size=len(updates) // 2 + 1, **options).fit_predict(distances)
    return accepted(updates, np.flatnonzero(labels == 0).tolist(), clipped_to_median(updates))


def dnc(updates: Updates, server: Round) -> Tensor:
    vectors = torch.stack([update.flatten() for update in updates])
    n, size, f = len(updates), vectors.shape[1], int(server.malicious_share * len(updates) + 1e-9)
    kept = set(range(n))
    for _ in range(5):
        chosen = torch.randperm(size, generator=server.drawing)[: int(size * (server.coordinates or 0.2))]
        centred = vectors[:, chosen] - vectors[:, chosen].mean(0)
        scores = (centred @ torch.linalg.svd(centred, full_matrices=False).Vh[0]).square()
        kept -= {*scores.argsort()[n - f :].tolist()}
    return accepted(updates, sorted(kept))


def sign_guard(updates: Updates, server: Round) -> Tensor:
    size = updates[0].numel()
    chosen = torch.randperm(size, generator=server.drawing)[: int(size * (server.coordinates or 0.1))]
    lengths, features = [float(update.norm()) for update in updates], []
    for update in updates:
        values = update.flatten()[chosen]
        features.append([float(kind.float().mean()) for kind in (values > 0, values == 0, values < 0)])
    scaled = np.array(features) / (np.max(features, 0) + 1e-8)
    bandwidth = estimate_bandwidth(scaled, quantile=0.5)
    labels = MeanShift(bandwidth=bandwidth, bin_seeding=True, cluster_all=False).fit_predict(scaled)
    largest, middle = np.bincount(labels[labels >= 0]).argmax(), float(np.median(lengths))
    kept = [k for k, (label, length) in enumerate(zip(labels, lengths, strict=True)) if label == largest and 0.1 < length / middle < 3]
    return accepted(updates, kept, clipped_to_median(updates))


def union_server(updates: Updates, server: Round) -> Tensor:
    sample = torch.randperm(len(server.items), generator=server.drawing)[: server.sampled_items]
    alone = (server.items[sample] - server.learning_rate * update[sample] for update in updates)
    spread = [float(torch.pdist(items).mean()) for items in alone]
    values = (np.array(spread) - min(spread)) / (max(spread) - min(spread))
    one, two, labels = within_clusters(values)
    uniform = [within_clusters(np.random.default_rng(seed).random(len(values)))[:2] for seed in range(50)]
    logs = np.log(uniform)
    gaps, deviation = logs.mean(0) - np.log([one, two]), float(logs[:, 1].std()) * np.sqrt(1 + 1 / 50)
    is_minority = labels == np.bincount(labels).argmin() if gaps[0] < gaps[1] - deviation else np.zeros(len(values), bool)
    return torch.stack([update for update, dropped in zip(updates, is_minority, strict=True) if not dropped]).sum(0)


def within_clusters(values: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Return the sums of squares within one and within two clusters, and the labels of the two."""
    points = values[:, None]
    found = KMeans(2, n_init=1, random_state=0).fit(points)
    return float(((points - points.mean()) ** 2).sum()), float(found.inertia_), found.labels_


def guard_cq(updates: Updates, server: Round) -> Tensor:
    """A first round, before which all scores were 0."""
    counts, scores = torch.zeros(len(server.items)), (server.users @ server.items.T).sum(0)
    for items in server.sent:
        counts[items] += 1
    n_items, n_uploaded = len(counts), int((counts > 0).sum())
    popular = [values.argsort(descending=True, stable=True)[: max(1, n // 20)] for values, n in ((scores, n_items), (counts, n_uploaded))]
    risen, present = [], []
    for update, items in zip(updates, server.sent, strict=True):
        rises = (server.users @ (server.items - server.learning_rate * update).T).sum(0) > scores
        own = [chosen[torch.isin(chosen, items)] for chosen in popular]
        risen.append([int(rises[chosen].sum()) for chosen in own])
        present.append([len(chosen) for chosen in own])
    dropped = np.ones(len(updates), bool)
    for shares in ((np.array(risen) + 1) / (np.array(present) + 1)).T:
        ordered = np.sort(shares)
        gaps = np.diff(ordered)
        dropped &= shares <= ordered[gaps.argmax()] if gaps.max() >= 0.1 else False
    dropped &= np.array(present).max(1) > 3
    return torch.stack([update for update, is_dropped in zip(updates, dropped, strict=True) if not is_dropped]).sum(0)


RULES = (flame, dnc, sign_guard, guard_cq, union_server)
CLIENT_RULES: dict[str, Callable[[Updates, Round], Tensor]] = {rule.__name__: rule for rule in RULES}


def rules_against_clients(source: Sequence[str], settled: int, turns: int = 3) -> Iterator[Row]:
    """Time each of these rules on the upload of a round under PIECK-UEA after `settled` rounds."""
    clock, capture = captured(source, settled)
    system = clock.experiment.system
    updates, server = matrices_of(capture.upload, capture.view, seed=0)  # as `built` has it
    for name, rule in CLIENT_RULES.items():
        defense, _ = built("guard_cq user_steps=0" if rule is guard_cq else name, source, system)
        theirs, own = list[float](), list[float]()
        for _ in range(turns):  # both take turns, so that a machine that is slow for a moment is slow for both
            theirs.append(elapsed(partial(rule, updates, server), system.device))
            fresh = [untouched(capture.upload) for _ in range(5)]
            own += [elapsed(partial(aggregate, defense, upload, capture.view), system.device) for upload in fresh]
        values = median_ms(theirs), median_ms(own)
        cells = [number(value) for value in (*values, quotient(*values))]
        yield Row(WHOLE, name, [*cells, ">= 40"], {"loop_ms": values[0], "now_ms": values[1]})


def matrices_of(upload: Upload, view: ServerView, seed: int) -> tuple[list[Tensor], Round]:
    """Return what each client uploads as a matrix of all items, and the rest of what these rules know."""
    items, numbers, updates, sent = view.model.items, upload.items.long(), [], []
    for client in range(len(upload.clients)):
        own = upload.segments == client
        updates.append(torch.zeros_like(items).index_add_(0, numbers[own], upload.rows[own]))
        sent.append(numbers[own])
    users = 0.01 * torch.randn(20, items.shape[1], generator=generator(seed, f"users/{view.round}"))
    return updates, Round(items, view.learning_rate, MALICIOUS_SHARE, sent, users.to(items), torch.Generator().manual_seed(0))
