"""Min-Sum reaches the sum of squared distances of the benign upload that is farthest from the others."""

import pytest
import torch
from hypothesis import given

from tests.attacks.test_min_max import drawn, steps_and_search


@given(**drawn | {"scale": drawn["scale"].filter(lambda scale: scale == 1)})
def test_the_squared_distances_add_up_to_the_largest_sum_of_a_benign_upload(sizes, seed, scale, deviation, goal):
    sent, _, rows, items = steps_and_search("min_sum", sizes, seed, scale, deviation, goal)
    for item, row in enumerate(sent):
        own = rows[items == item]
        if len(own) > 1:
            largest = float(torch.cdist(own, own).square().sum(1).max())
            assert float((own - row).square().sum()) == pytest.approx(largest, rel=1e-6)
