"""ClusterAttack: its rows draw items together and are as long as honest ones. Equations: the oracle has them."""

import pytest
import torch

from fedrec.attacks.cluster_attack import ClusterCount
from fedrec.interfaces import AttackerView, GlobalModel
from tests.attacks.choices import MODELS, N_CLIENTS, N_ITEMS, Choice

EVERYBODY = torch.arange(N_CLIENTS)


@pytest.mark.parametrize("model", MODELS)
def test_items_end_in_few_places(model):
    choice = Choice("cluster_attack", "masked", model)
    attack = choice.begun([], clusters=2)
    (first,) = choice.views([range(N_CLIENTS)])
    items = first.model.items
    for round in range(100):
        upload = attack.poison(AttackerView(round, EVERYBODY, GlobalModel(items, first.model.scorer), 1.0))
        directions = upload.total(N_ITEMS)[0]
        items = items - 0.05 * directions / directions.norm(dim=1, keepdim=True).clamp(min=1e-9)
    places = items.mul(2).round().unique(dim=0)
    assert len(places) < len(first.model.items.mul(2).round().unique(dim=0)) / 2


@pytest.mark.parametrize("zero_rows", ["ignored", "counted"])
def test_rows_are_as_long_as_honest_ones(zero_rows):
    """A row's length is mu + U(0, 1) * spread * sigma; rows of untouched items make both smaller if they count."""
    choice = Choice("cluster_attack", "masked", "mf")
    attack, honest = (choice.begun([], zero_rows=zero_rows) for _ in range(2))
    (view,) = choice.views([range(N_CLIENTS)])
    _, gradients = honest.honest.train(view.clients, view.model, 0.1)
    (rows,) = gradients.rows
    batch = honest.honest.train(view.clients, view.model, 0.0)[0]
    lengths = rows.coefficients.abs() * rows.directions.norm(dim=1)[batch.segments.long()]
    if zero_rows == "counted":
        lengths = torch.cat([lengths, torch.zeros(N_CLIENTS * N_ITEMS - len(lengths))])
    found = attack.poison(view).rows.norm(dim=1)
    found = found[found > 0]
    bounds = lengths.mean(), lengths.mean() + 3 * lengths.std()
    assert bounds[0] * 0.999 <= found.min() < bounds[0] + 0.1 * lengths.std()
    assert bounds[1] - 0.1 * lengths.std() < found.max() <= bounds[1] * 1.001


def test_the_number_of_clusters_follows_the_loss():
    count = ClusterCount(clusters=2, most=50, patience=3, decay=0.5)
    numbers = []
    for loss in [1.0, 2.0, 3.0, 4.0, 5.0, 4.0, 3.0, 2.0]:
        count.note(loss)
        numbers.append(count.clusters)
    assert numbers == [2, 2, 2, 9, 9, 9, 9, 6]  # 2 + sqrt(48), then 9 - sqrt(8)


@pytest.mark.parametrize(("clusters", "losses"), [(50, [1.0, 2.0, 3.0]), (1, [3.0, 2.0, 1.0])])
def test_the_number_of_clusters_has_bounds(clusters, losses):
    count = ClusterCount(clusters=clusters, most=50, patience=2, decay=0.999)
    for loss in losses:
        count.note(loss)
    assert (count.clusters, count.steps) == (clusters, 0)


def test_more_clusters_than_items():
    with pytest.raises(ValueError, match=r"attack\.most_clusters = 81: allowed is from attack\.clusters = 2 to 80 \(the items\)"):
        Choice("cluster_attack", "masked", "mf").begun([], most_clusters=81)
