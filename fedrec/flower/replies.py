"""A round that is under way: who was asked, and what becomes of their replies."""

import logging
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from flwr.app import Message, MetricRecord
from torch import Tensor

from fedrec.flower.messages import METRICS, UPLOAD, BadReply, Expected, bytes_of, to_upload
from fedrec.flower.roster import Member
from fedrec.interfaces import Aggregation, GlobalModel, ItemChanges, Upload

log = logging.getLogger(__name__)
METRIC = re.compile(r"[A-Za-z_]+(@\d+)?")
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
                log.warning("round %d: node %d has failed: %s", self.number + 1, member.name, _reason(reply))
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
            for name, value in _numbers(told, len(places)).items():
                sums[name] = sums.get(name, 0.0) + value
        late = {member.name for member in self.asked.values()} - answered
        if late:
            log.warning("round %d: no reply in time from the nodes %s", self.number + 1, ", ".join(map(str, sorted(late))))
        ordered = {name: by_node[name] for name in sorted(by_node)}
        return ordered, sums, {"replies-failed": n_failed + len(late), "replies-refused": n_refused, "received-bytes": n_bytes}


def _numbers(told: MetricRecord, n_clients: int) -> dict[str, float]:
    """Return the sums that a node with so many sampled clients tells; none if it cannot have trained as many as it says."""
    values = {name: told.get(name) for name in ("trained", *MEANS, "seconds")}
    found = {name: float(value) for name, value in values.items() if isinstance(value, int | float) and math.isfinite(value)}
    return found if 0 <= found.get("trained", 0.0) <= n_clients else {}


def means_of(sums: Mapping[str, float]) -> dict[str, float]:
    """Return what nodes tell of their clients, with means in the place of sums over those who have trained; none if nobody has."""
    trained = sums.get("trained", 0.0)
    means = {name: sums[name] / trained for name in MEANS if name in sums and trained > 0}
    return means | {name: value for name, value in sums.items() if name not in MEANS}


def sums_of(number: int, asked: Mapping[int, Member], replies: Iterable[Message]) -> tuple[dict[str, Tensor], dict[str, int]]:
    """Return the sums over nodes that `_sums_told` reads from their replies, and how many replies are not in them.

    A metric has as many values as most nodes tell: a node that tells more or fewer has no part in it.
    """
    told: dict[int, dict[str, Tensor]] = {}
    failed, refused = set[int](), set[int]()
    for reply in replies:
        if (member := asked.get(reply.metadata.src_node_id)) is None or member.name in told or member.name in failed:
            continue
        if reply.has_error():
            failed.add(member.name)
            log.warning("round %d: node %d has failed at the evaluation: %s", number, member.name, _reason(reply))
            continue
        told[member.name], has_all = _sums_told(reply, len(member.clients))
        if not has_all:
            refused.add(member.name)
    if late := sorted({member.name for member in asked.values()} - told.keys() - failed):
        log.warning("round %d: no reply to the evaluation in time from the nodes %s", number, ", ".join(map(str, late)))
    lengths = {name: Counter(len(one[name]) for one in told.values() if name in one) for one in told.values() for name in one}
    sums: dict[str, Tensor] = {}
    for node in sorted(told):
        for name, pairs in told[node].items():
            if len(pairs) == lengths[name].most_common(1)[0][0]:
                sums[name] = sums.get(name, torch.zeros_like(pairs)) + pairs
            else:
                refused.add(node)
    if refused:
        names = ", ".join(map(str, sorted(refused)))
        log.warning("round %d: metrics that a node cannot have, or others have not, do not count; they are of the nodes %s", number, names)
    return sums, {"replies-failed": len(failed) + len(late), "replies-refused": len(refused)}


def _sums_told(reply: Message, n_clients: int) -> tuple[dict[str, Tensor], bool]:
    """Return the sums of metrics in [0, 1] over users and the numbers of these users, in turn, that a node of n clients can have.

    Also return whether these are all that it tells.
    """
    record = reply.content.metric_records.get(METRICS, MetricRecord())
    found = {}
    for name, values in record.items():
        if isinstance(values, list) and values and len(values) % 2 == 0 and METRIC.fullmatch(name):
            pairs = torch.tensor(values, dtype=torch.float64)
            total, counts = pairs.view(-1, 2).unbind(1)
            if bool(((total >= 0) & (total <= counts) & (counts <= n_clients)).all()):
                found[name] = pairs
    return found, len(found) == len(record)


def _reason(reply: Message) -> str:
    """Return why a node has failed, in one line."""
    return " ".join((reply.error.reason or "").split())[:300]
