"""What several test items of one user are worth, by hand."""

import numpy as np
import pytest

from fedrec.evaluation.quality import QUALITY, Means


def test_three_test_items_on_the_first_third_and_last_rank() -> None:
    """At 2, one of them is a hit of two that could be; at 4, two are of three that could be."""
    ranks, sizes, ks = np.array([[0, 2, 9]]), np.array([3]), np.array([2, 4])
    found = {name: one.of_users(ranks, sizes, ks)[0].tolist() for name, one in QUALITY.items()}
    gains = 1, 1 / np.log2(3), 1 / np.log2(4)
    assert found == {
        "HR": [1, 1],
        "NDCG": pytest.approx([1 / (gains[0] + gains[1]), (gains[0] + gains[2]) / sum(gains)]),
        "Recall": pytest.approx([1 / 3, 2 / 3]),
        "Precision": [1 / 2, 2 / 4],
        "MRR": [1, 1],
    }


def test_a_first_hit_after_k_is_none() -> None:
    found = QUALITY["MRR"].of_users(np.array([[2, 3]]), np.array([2]), np.array([1, 2, 3]))
    assert found[0].tolist() == [0, 0, pytest.approx(1 / 3)]


@pytest.mark.parametrize("name", list(QUALITY))
def test_one_test_item_each_is_counted_as_if_there_could_be_several(name: str) -> None:
    """The two ways to a mean and its error agree, where nobody has several; the third user has no test item."""
    ranks = np.array([4, 0, -1, 7, 2])
    means = Means([1, 3, 5], len(ranks), sampled=True)
    one = means.of_quality(name, ranks, (ranks >= 0).astype(int), QUALITY[name])
    several = means.of_quality(name, ranks[:, None], (ranks >= 0).astype(int), QUALITY[name])
    assert one == pytest.approx(several) and len(one) == 6
