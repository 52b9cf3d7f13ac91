"""A rule of one's own: what it inherits, and f."""

from dataclasses import dataclass

import pytest
import torch

from fedrec.aggregation import GroupedUploads, Rule, Scope, WholeUpdates, number_tolerated
from fedrec.aggregation.aggregate import aggregate
from fedrec.defenses.krum import Krum
from fedrec.defenses.median import Median
from fedrec.defenses.trimmed_mean import TrimmedMean
from fedrec.interfaces import Defense, DenseScorerGradients, GlobalModel, Rate, ScorerPart, ServerView, Share, Upload
from tests.defenses.uploads import of_rows


@dataclass(kw_only=True)
class Loudest(Rule):
    """Takes the longest upload n_j times. It tolerates no malicious one, and needs three uploads."""

    factor: Rate

    def tolerated(self, uploads):
        return torch.zeros_like(uploads.sizes)

    def applies(self, uploads):
        return uploads.sizes >= 3

    def combine(self, uploads):
        lengths = uploads.lengths().split(uploads.sizes.tolist())
        accepted = torch.cat([torch.arange(len(part)) == part.argmax() for part in lengths])
        return uploads.sum(self.factor * uploads.repeat_by_group(uploads.sizes), accepted), accepted


@dataclass(kw_only=True)
class Mean(Rule):
    """The mean, n_j times, of the uploads for an item or of whole updates."""

    malicious_share: Share
    scope: Scope

    def combine(self, uploads):
        self.kind = type(uploads)
        return uploads.sum(uploads.uniform_weights) * uploads.sizes[:, None], None


def of_sizes(*sizes, name="", n_clients=0):
    """Return groups of so many uploads."""
    n = sum(sizes)
    numbers = torch.arange(n)
    return GroupedUploads(
        torch.arange(len(sizes)), torch.tensor(sizes), torch.zeros(n, 1), numbers, torch.ones(n), numbers, name, n_clients
    )


ONE = of_rows(torch.tensor([2, 0, 2, 2, 0]), torch.tensor([0, 0, 1, 2, 2]), torch.tensor([[1.0], [5.0], [-7.0], [2.0], [1.0]]).double(), 3)


def test_what_a_rule_decided_is_reported():
    aggregation = Loudest(factor=1.0)(ONE.upload, ONE.view)
    assert aggregation.gradient.items.flatten().tolist() == [10.0, 0.0, -21.0]
    assert aggregation.fell_back.tolist() == [0]
    assert aggregation.unguarded.tolist() == [2]
    assert aggregation.inspected.tolist() == [0, 1, 2]  # only where the rule applies
    assert aggregation.accepted.tolist() == [False, True, False]


def test_a_tensor_of_the_scorer_is_one_vector():
    gradients = {"W": torch.tensor([[[1.0, 2.0]], [[3.0, 4.0]], [[0.0, 1.0]]]).double()}
    upload = Upload(ONE.upload.clients, ONE.upload.groups, (ScorerPart(torch.arange(3), DenseScorerGradients(gradients)),))
    view = ServerView(0, GlobalModel(ONE.view.model.items, {"W": torch.zeros(1, 2).double()}), 1.0)
    aggregation = Loudest(factor=2.0)(upload, view)
    assert aggregation.gradient.scorer["W"].tolist() == [[18.0, 24.0]]
    assert aggregation.inspected.tolist() == [0, 1, 2, 0, 1, 2]
    assert aggregation.accepted.tolist() == [False, True, False, False, True, False]


@pytest.mark.parametrize(("scope", "kind"), [("per_item", GroupedUploads), ("whole_update", WholeUpdates)])
def test_a_rule_may_let_the_user_choose_the_scope(scope, kind):
    rule = Mean(scope=scope, malicious_share=0.34)
    aggregation = rule(ONE.upload, ONE.view)
    assert aggregation.gradient.items.flatten().tolist() == pytest.approx([6.0, 0.0, -4.0])
    assert rule.kind is kind
    assert (aggregation.inspected, aggregation.accepted) == (None, None)
    assert rule.tolerated(of_sizes(1, 3, 6)).tolist() == [0, 1, 2]


def test_an_option_that_a_rule_declares_is_required_and_another_one_unknown():
    with pytest.raises(TypeError, match="scope"):
        Loudest(factor=1.0, scope="per_item")
    with pytest.raises(TypeError, match="scope"):
        Mean(malicious_share=0.1)
    with pytest.raises(TypeError, match="malicious_share"):
        Mean(scope="per_item")


def test_a_rule_that_expects_no_share_tolerates_any_minority():
    assert Median().tolerated(of_sizes(*range(1, 7))).tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(("scorer_share", "of_tensors"), [("clients", [5, 5, 2, 0]), ("senders", [2, 1, 0, 0])])
def test_of_whom_a_share_is_expected_for_a_tensor_of_the_scorer(scorer_share, of_tensors):
    """Of the 50 clients of a round, or of the 20, 12, 3 and 1 that sent a gradient; never are all of these malicious."""
    rule = Krum(malicious_share=0.1, fallback="sum", scope="per_item", score="paper", scorer_share=scorer_share)
    tensors = [of_sizes(size, name="W", n_clients=50) for size in (20, 12, 3, 1)]
    assert [rule.tolerated(tensor).tolist() for tensor in tensors] == [[f] for f in of_tensors]
    assert rule.tolerated(of_sizes(20, 12, 3, 1)).tolist() == [2, 1, 0, 0]  # items


@pytest.mark.parametrize(("scorer_share", "f"), [("clients", 1), ("senders", 0)])
def test_clients_that_sent_nothing_at_all_are_not_expected_to_be_malicious(scorer_share, f):
    """Of 14 clients 10 send a row, and 5 of these a gradient of the scorer: 0.16 of 14 would be 2, of 10 it is 1, of 5 it is 0."""
    values = torch.tensor([0.0, 1.0, 3.0, 7.0, 100.0]).double()
    scorer = (ScorerPart(torch.tensor([0, 2, 4, 6, 8]), DenseScorerGradients({"W": values[:, None]})),)
    one = of_rows(torch.zeros(10).int(), torch.arange(10), torch.arange(10.0)[:, None].double(), 14, scorer)
    rule = TrimmedMean(malicious_share=0.16, fallback="sum", score="original", scorer_share=scorer_share)
    view = ServerView(0, GlobalModel(one.view.model.items, {"W": torch.zeros(1).double()}), 1.0)
    gradient = aggregate(Defense(server=rule), one.upload, view)[0].gradient
    assert gradient.scorer["W"].tolist() == pytest.approx([5 * float(values[f : 5 - f].mean())])
    assert gradient.items.tolist() == [[10 * 4.5]]  # f = 1 of ten


def test_number_tolerated_is_not_at_the_mercy_of_rounding():
    sizes = torch.arange(1, 2001)
    for percent in range(51):
        assert number_tolerated(percent / 100, sizes).tolist() == [percent * n // 100 for n in sizes.tolist()]
