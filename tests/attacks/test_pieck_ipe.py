"""PIECK-IPE: each variant of Eq. (8) on one target and three mined items. Random cases: the oracle has them."""

import pytest
import torch

from tests.attacks.choices import Choice

POPULAR = torch.tensor([[[3.0, 4.0], [-1.0, 0.0], [0.0, 2.0]]])  # [1, 3, 2]: cosines 0.6, -1 and 0 with the target
TARGET = torch.tensor([[[5.0, 0.0]]])


def loss(popular=POPULAR, target=TARGET, **options):
    return float(Choice("pieck_ipe", None, "mf").begun(lambda_=0.5, **options).loss(popular, target))


@pytest.mark.parametrize(
    ("options", "similarity"),
    [
        ({}, 0.6 * 3 / 6 + (-1 * 2 / 6 + 0 * 1 / 6) / 2),  # kappa 3/6, 2/6, 1/6; P+ has one item, P- two
        ({"ranks": "subset"}, 0.6 * 1 + (-1 * 2 / 3 + 0 * 1 / 3) / 2),
        ({"weighted": False}, 0.6 + (-1 + 0) / 2),
        ({"similarity": "cosine"}, 0.6 * 3 / 6 - 1 * 2 / 6),
        ({"similarity": "cosine", "ranks": "subset"}, 0.6 * 3 / 6 - 1 * 2 / 6),
        ({"similarity": "cosine", "weighted": False}, (0.6 - 1) / 3),
    ],
    ids=str,
)
def test_every_variant_by_hand(options, similarity):
    assert loss(**options) == pytest.approx(-0.5 * similarity)


def test_divergence_from_the_target():
    p, q = POPULAR[0].softmax(1), TARGET[0].softmax(1)
    divergences = (p * (p / q).log()).sum(1)
    assert loss(similarity="kl", weighted=False) == pytest.approx(0.5 * float(divergences.mean()))
    assert loss(similarity="kl") == pytest.approx(0.5 * float(divergences @ torch.tensor([3.0, 2.0, 1.0]) / 6))


def test_a_subset_without_items_has_no_term():
    assert loss(POPULAR[:, :1]) == pytest.approx(-0.5 * 0.6)
    assert loss(POPULAR[:, 1:2]) == pytest.approx(0.5)


def test_a_target_that_points_the_right_way_grows():
    assert loss(POPULAR[:, :1], vanishing_guard=0.5) == pytest.approx(-5.0)  # the length of the target
    assert loss(POPULAR[:, :1], vanishing_guard=0.7) == pytest.approx(-0.5 * 0.6)


@pytest.mark.parametrize(("popular", "cosine"), [(POPULAR[:, :1], 0.6), (POPULAR[:, 1:2], -1.0), (POPULAR[:, 2:], 0.0)])
def test_with_cosines_of_one_sign_lambda_may_divide(popular, cosine):
    assert loss(popular, single_sign="multiply") == pytest.approx(-0.5 * cosine)
    assert loss(popular, single_sign="divide") == pytest.approx(-cosine / 0.5)


def test_with_both_signs_lambda_multiplies():
    assert loss(single_sign="divide") == loss(single_sign="multiply")


def test_signs_are_those_of_each_target():
    """To the second target no mined item points the wrong way."""
    second = torch.tensor([[[-1.0, 3.0]]])
    both = loss(target=torch.cat([TARGET, second], 1), single_sign="divide")
    assert both == pytest.approx((loss(single_sign="multiply") + 4 * loss(target=second, single_sign="multiply")) / 2)


@pytest.mark.parametrize("similarity", ["cosine", "kl"])
def test_lambda_divides_only_where_the_signs_are_kept_apart(similarity):
    options = {"similarity": similarity}
    assert loss(POPULAR[:, :1], single_sign="divide", **options) == loss(POPULAR[:, :1], single_sign="multiply", **options)
