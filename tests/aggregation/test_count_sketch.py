"""Count sketches: the cosines of sketches estimate those of updates."""

import torch
from torch.nn.functional import normalize

from fedrec.aggregation.count_sketch import CountSketch
from tests.defenses.uploads import case
from tests.reference.defenses import by_sender, vector_of


def test_sketched_cosines_are_close_and_right_on_average():
    one = case(1, 20, 50, 30, "factored", size=8, parameters=True)
    rows, parameters, _ = by_sender(one.sent)
    vectors = [vector_of(client, one.view.model.items, one.view.model.scorer, rows, parameters) for client in range(20)]
    directions = normalize(torch.stack(vectors))
    errors = []
    for seed in range(40):
        sketch = CountSketch.draw(256, one.view.model, torch.Generator().manual_seed(seed))
        sketched = normalize(sketch.of_clients(one.upload))
        errors.append(sketched @ sketched.T - directions @ directions.T)
    errors = torch.stack(errors)
    off_diagonal = ~torch.eye(20, dtype=torch.bool)
    assert errors[:, off_diagonal].std() < 1.1 * 256**-0.5
    assert errors.mean(0).abs().max() < 4 * (256 * 40) ** -0.5


def test_the_sketch_of_a_sum_is_the_sum_of_the_sketches():
    one = case(2, 6, 10, 8, parameters=True)
    sketch = CountSketch.draw(16, one.view.model, torch.Generator().manual_seed(0))
    weights = torch.arange(6.0).double()
    assert torch.allclose(sketch.of_clients(one.upload.weighted(weights)), weights[:, None] * sketch.of_clients(one.upload))
