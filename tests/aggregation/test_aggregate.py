"""What `aggregate` does around a defense: it drops uploads that are not finite and leaves out silent clients."""

import torch

from fedrec.aggregation.aggregate import Sum, aggregate
from fedrec.interfaces import Aggregation, Defense, GlobalModel, ServerView, Transform, Upload
from tests.defenses.uploads import of_rows

ROWS = torch.tensor([[1.0, 2.0], [torch.inf, 0.0], [3.0, 4.0]]).double()


class Recorder(Sum):
    """Sums, and remembers what it was given."""

    def __call__(self, upload, view):
        self.upload = upload
        everybody = torch.arange(len(upload.clients))
        return Aggregation(super().__call__(upload, view).gradient, inspected=everybody, accepted=everybody > 0)


class Times(Transform):
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, upload, view):
        return upload.weighted(torch.full((len(upload.clients),), self.factor).double())


class Plus(Transform):
    def __call__(self, upload, view):
        return Upload.of_rows(upload.clients, upload.items, upload.segments, upload.rows + 1)


def test_without_a_defense_the_result_is_the_plain_sum_of_everything():
    one = of_rows(torch.zeros(3).int(), torch.arange(3), ROWS.nan_to_num(posinf=5.0), 3)
    aggregation, n_dropped = aggregate(Defense(), one.upload, one.view)
    assert aggregation.gradient.items.tolist() == [[9.0, 6.0]]
    assert n_dropped is None
    assert aggregation == Aggregation(aggregation.gradient)


def test_uploads_that_are_not_finite_are_dropped_and_silent_clients_left_out():
    """Client 1 sends nothing, client 3 nothing finite; decisions name positions among all clients."""
    one = of_rows(torch.zeros(3).int(), torch.tensor([0, 3, 2]), ROWS, 4)
    server = Recorder()
    aggregation, n_dropped = aggregate(Defense(server=server), one.upload, one.view)
    assert aggregation.gradient.items.tolist() == [[4.0, 6.0]]
    assert n_dropped == 1
    assert server.upload.clients.tolist() == [0, 2]
    assert server.upload.segments.tolist() == [0, 1]
    assert aggregation.inspected.tolist() == [0, 2]
    assert aggregation.accepted.tolist() == [False, True]


def test_transforms_are_applied_in_their_order():
    one = of_rows(torch.zeros(1).int(), torch.arange(1), ROWS[:1], 1)
    for transforms, expected in (((Times(2.0), Plus()), [3.0, 5.0]), ((Plus(), Times(2.0)), [4.0, 6.0])):
        aggregation, n_dropped = aggregate(Defense(transforms=transforms), one.upload, one.view)
        assert aggregation.gradient.items.tolist() == [expected]
        assert n_dropped == 0


def test_an_upload_without_rows():
    one = of_rows(torch.zeros(1).int(), torch.zeros(1).long(), ROWS[:1], 2)
    empty = one.upload.only(torch.zeros(1, dtype=torch.bool))
    for defense in (Defense(), Defense(server=Recorder())):
        assert aggregate(defense, empty, one.view)[0].gradient.items.tolist() == [[0.0, 0.0]]


def test_random_numbers_of_a_round_follow_from_seed_round_and_name():
    model = GlobalModel(torch.zeros(1, 1))
    views = [ServerView(round, model, 1.0, seed=seed) for round, seed in ((0, 0), (0, 0), (1, 0), (0, 1))]
    drawn = [torch.rand(3, generator=view.generator("a")).tolist() for view in views]
    assert drawn[0] == drawn[1] and len({*map(tuple, drawn)}) == 3
    assert torch.rand(3, generator=views[0].generator("b")).tolist() not in drawn
