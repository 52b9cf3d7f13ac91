"""A round that is under way: who was asked, and what becomes of their replies."""

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from flwr.app import Message, MetricRecord
from torch import Tensor

from fedrec.flower.messages import METRICS, UPLOAD, BadReply, Expected, bytes_of, to_upload
from fedrec.flower.roster import Member
from fedrec.interfaces import Aggregation, GlobalModel, ItemChanges, Upload

log = logging.getLogger(__name__)
MEANS = ("loss", "penalty")  # whose sums over the clients that have `trained` nodes tell, beside the `seconds` that they worked


@dataclass(frozen=True, slots=True)
class Received:
    """What the nodes have sent in a round, and what the server made of it."""

    sampled: Tensor  # [S] the numbers of the clients that were asked for
    by_node: Mapping[int, tuple[Tensor, Upload]]  # name of a node -> the places [C] of its clients in `sampled`, and their upload
    upload: Upload
    aggregation: Aggregation
    changes: ItemChanges
    told: Mapping[str, float]  # by the nodes: mean loss and penalty, how many have trained, and seconds


@dataclass
class Round:
    """A round that is under way."""

    number: int  # from 0
    model: GlobalModel
    sampled: Tensor  # [S]
    places: Mapping[int, Tensor]  # name of a node -> [C]
    asked: Mapping[int, Member]  # by Flower's id

    def read(self, replies: Iterable[Message]) -> tuple[dict[int, tuple[Tensor, Upload]], dict[str, float], dict[str, int]]:
        """Return the uploads of nodes whose replies fit, the sums that they tell, and what became of the replies."""
        by_node: dict[int, tuple[Tensor, Upload]] = {}
        sums, n_failed, n_refused, n_bytes, answered = dict[str, float](), 0, 0, 0, set()
        for reply in replies:
            if (member := self.asked.get(reply.metadata.src_node_id)) is None or member.name in answered:
                continue
            answered.add(member.name)
            if reply.has_error():
                n_failed += 1
                log.warning(
                    "round %d: node %d has failed: %s", self.number + 1, member.name, " ".join((reply.error.reason or "").split())[:300]
                )
                continue
            places = self.places[member.name]
            try:
                record, told = reply.content.array_records.get(UPLOAD), reply.content.metric_records.get(METRICS, MetricRecord())
                if record is None:
                    raise BadReply(f"it has no {UPLOAD}")
                arrays = Expected(self.model, len(places)).check(record) if len(record) else {}
            except BadReply as error:
                n_refused += 1
                log.warning("round %d: the reply of node %d is refused: %s", self.number + 1, member.name, error)
                continue
            n_bytes += bytes_of(record)
            if arrays:
                by_node[member.name] = places, to_upload(arrays, self.sampled[places])
            for name in ("trained", *MEANS, "seconds"):
                if isinstance(value := told.get(name), int | float) and math.isfinite(value):
                    sums[name] = sums.get(name, 0.0) + value
        late = {member.name for member in self.asked.values()} - answered
        if late:
            log.warning("round %d: no reply in time from the nodes %s", self.number + 1, ", ".join(map(str, sorted(late))))
        ordered = {name: by_node[name] for name in sorted(by_node)}
        return ordered, sums, {"replies-failed": n_failed + len(late), "replies-refused": n_refused, "received-bytes": n_bytes}


def means_of(sums: Mapping[str, float]) -> dict[str, float]:
    """Return what nodes tell of their clients, with means in the place of sums over those who have trained; none if nobody has."""
    trained = sums.get("trained", 0.0)
    means = {name: sums[name] / trained for name in MEANS if name in sums and trained > 0}
    return means | {name: value for name, value in sums.items() if name not in MEANS}


def sums_told(reply: Message, n_clients: int) -> dict[str, Tensor]:
    """Return the sums of metrics in [0, 1] over users and the numbers of these users, in turn, that a node of n clients can have."""
    found = {}
    for name, values in reply.content.metric_records.get(METRICS, MetricRecord()).items():
        if isinstance(values, list) and values and len(values) % 2 == 0:
            pairs = torch.tensor(values, dtype=torch.float64)
            total, counts = pairs.view(-1, 2).unbind(1)
            if bool(((total >= 0) & (total <= counts) & (counts <= n_clients)).all()):
                found[name] = pairs
    return found
