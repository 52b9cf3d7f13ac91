"""The server half of UNION: drop clients whose updates alone would spread the items otherwise than those of the others.

Yu et al., "Untargeted Attack against Federated Recommendation Systems via Poisonous Item Embeddings and the Defense", AAAI 2023. For each
client the server takes the step that the client's update alone would cause, with its own optimizer, and measures the mean distance between
sampled items. These distances are scaled to [0, 1] and split into two clusters by k-means. The gap statistic of Tibshirani, Walther and
Hastie (2001) says whether there are two: Gap(k) = E[log V_k of uniform numbers] - log V_k, where V_k is the sum of squares within k
clusters. If Gap(1) < Gap(2) - s_2, the smaller cluster is dropped.
The updates that are left are added up (authors' code: averaged), so a round whose malicious clients are all dropped is one without attack.
What is chosen here: the sampled items are distinct and others in each round; the clusters are the best ones, which in one dimension
follow from sorting; of two clusters of equal size neither is dropped. The authors' code also drops the smaller cluster if the statistic
says no but the cluster has no more clients than attackers are expected.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fedrec.aggregation import GroupedUploads
from fedrec.aggregation.aggregate import Sum
from fedrec.interfaces import Aggregation, Aggregator, Positive, ServerKnowledge, ServerView, Upload
from fedrec.randomness import generator

WIDE = torch.float64  # a client moves a mean distance by little
ROUNDING = 1e-12  # of a mean distance


@dataclass(kw_only=True)
class UnionServer(Aggregator):
    paper = "Yu et al., AAAI 2023"
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"
    keeps_models = False

    sampled_items: Positive
    resamples: Positive
    known: ServerKnowledge = field(init=False)

    def setup(self, known: ServerKnowledge) -> None:
        self.known = known

    def __call__(self, upload: Upload, view: ServerView) -> Aggregation:
        drawing, device = generator(self.known.seed, f"round/{view.round}"), upload.clients.device
        sample = torch.randperm(self.known.n_items, generator=drawing)[: self.sampled_items].to(device)
        uniform = torch.rand(self.resamples, len(upload.clients), dtype=WIDE, generator=drawing).to(device)
        kept = ~minority(self.spread(upload, view, sample), uniform)
        aggregation = Sum()(upload.weighted(kept.to(view.model.items.dtype)), view)
        return Aggregation(aggregation.gradient, None, None, torch.arange(len(kept), device=device), kept, aggregation.touched)

    def spread(self, upload: Upload, view: ServerView, sample: Tensor) -> Tensor:
        """Return the mean distance between the sampled items [s] after the step that each client alone would cause, [S]."""
        from fedrec.aggregation.replaced_items import total_distances

        everything, numbers = view.model.items, torch.arange(len(sample), device=sample.device)
        places = torch.full((len(everything),), -1, device=sample.device).index_copy_(0, sample, numbers)
        uploads = GroupedUploads.by_item(upload, len(everything))
        own = uploads.only(uploads.repeat_by_group(places.index_select(0, uploads.keys) >= 0))
        order = own.senders.argsort(stable=True)
        items = own.repeat_by_group(own.keys).index_select(0, order)  # [n]
        rest = everything.index_select(0, sample)
        rest = rest.to(WIDE) + view.change_of(sample, torch.zeros_like(rest))
        rows = everything.index_select(0, items).to(WIDE) + view.change_of(items, own.rows.index_select(0, order))
        ends = torch.bincount(own.senders, minlength=len(upload.clients)).cumsum(0)
        offsets = torch.cat([ends.new_zeros(1), ends]).cpu().numpy()
        before, after = (one.to(everything.dtype).cpu().numpy() for one in (rest, rows))
        totals = torch.from_numpy(total_distances(before, places.index_select(0, items).cpu().numpy(), after, offsets))
        return totals.to(sample.device) * (2 / max(1, len(sample) * (len(sample) - 1)))


def minority(values: Tensor, uniform: Tensor) -> Tensor:
    """Return which values [S] make the smaller of two clusters, [S] bool; none if they are one, judged by uniform numbers [b, S]."""
    nobody = torch.zeros_like(values, dtype=torch.bool)
    least, largest = values.aminmax() if len(values) else (0.0, 0.0)
    if len(values) < 3 or largest - least <= ROUNDING * largest:
        return nobody
    scaled = (values - least) / (largest - least)
    ordered = scaled.sort().values
    one, two, n_lower = (part[0] for part in scatter(ordered[None]))
    expected_one, expected_two, _ = scatter(uniform.sort(dim=1).values)
    logs = expected_two.log()
    deviation = logs.std(correction=0) * math.sqrt(1 + 1 / len(uniform))
    if not expected_one.log().mean() - one.log() < logs.mean() - two.log() - deviation:
        return nobody
    is_lower = scaled <= ordered[n_lower - 1]
    n_lower = is_lower.sum()
    if 2 * n_lower == len(values):
        return nobody
    return is_lower if 2 * n_lower < len(values) else ~is_lower


def scatter(ordered: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the sums of squares within one and within two clusters of ascending numbers [b, n], and the size of the lower one; 3 x [b]."""
    n = ordered.shape[1]
    sums, squares = ordered.cumsum(1), ordered.square().cumsum(1)
    counts = torch.arange(1, n, device=ordered.device)
    lower = squares[:, :-1] - sums[:, :-1].square() / counts
    upper = squares[:, -1:] - squares[:, :-1] - (sums[:, -1:] - sums[:, :-1]).square() / (n - counts)
    two = (lower.clamp(min=0) + upper.clamp(min=0)).min(1)
    return (squares[:, -1] - sums[:, -1].square() / n).clamp(min=0), two.values, two.indices + 1
