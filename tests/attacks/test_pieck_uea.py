"""PIECK-UEA: how often each mined item's loss counts, and that this is what accumulating over all backward passes comes to."""

import pytest
import torch
from torch.nn.functional import logsigmoid

from tests.attacks.choices import Choice
from tests.reference.attacks import Pieck

CHOICE = Choice("pieck_uea", None, "mf")


def times(n_targets=1, **options):
    """Return how often the mean loss of each batch of one item counts for each target, [N, T]."""
    attack = CHOICE.begun(range(n_targets), multi_target="together", **options)
    return attack.weights * attack.N


@pytest.mark.parametrize(("repetitions", "expected"), [("inner", [14, 11, 8, 5, 2]), ("outer", [10, 9, 8, 7, 6])])
def test_weights_of_five_batches_and_three_passes(repetitions, expected):
    """Step s of 15 counts 15 - s times: (15 + 14 + 13) / 3 if a batch is repeated at once, (15 + 10 + 5) / 3 if all are repeated."""
    assert times(N=5, batches=5, rounds=3, repetitions=repetitions).flatten().tolist() == pytest.approx(expected)


def test_later_targets_count_less():
    """Of the steps 8 to 1 each batch takes two in a row for each target; they are divided by the two passes."""
    expected = torch.tensor([[8 + 7, 6 + 5], [4 + 3, 2 + 1]]) / 2
    assert torch.allclose(times(2, N=2, batches=2, rounds=2, repetitions="inner").float(), expected)
    assert times(2, N=2, batches=2, rounds=2, repetitions="outer").tolist() == [[(4 + 2) / 2] * 2, [(3 + 1) / 2] * 2]


def test_a_copied_target_counts_as_the_only_one():
    attack = CHOICE.begun([3, 60, 7], multi_target="copy", N=5, batches=5, rounds=3, repetitions="inner")
    assert (attack.weights * 5).flatten().tolist() == pytest.approx([14, 11, 8, 5, 2])


def gradients(model, n_targets, **options):
    """Return what a client with seven mined items sends, and these items and the targets."""
    choice, targets = Choice("pieck_uea", None, model), torch.arange(n_targets)
    attack = choice.begun(range(n_targets), multi_target="together", N=7, poison_scorer=True, **options)
    (view,) = choice.views([[0]])
    popular, scorer = view.model.items[10:17], view.model.scorer
    rows, of_scorer = attack.gradients(popular[None], targets, view)
    wide = {name: value.double() for name, value in scorer.items()}
    return rows[0], of_scorer, popular.double(), view.model.items[targets].double(), wide


@pytest.mark.parametrize("model", ["mf", "ncf"])  # a fake user of Fed-LightGCN is not its own embedding
@pytest.mark.parametrize("repetitions", ["inner", "outer"])
@pytest.mark.parametrize(("batches", "rounds"), [(3, 2), (7, 1), (2, 3)])
@pytest.mark.parametrize("n_targets", [1, 2, 3])
def test_equals_backward_passes_that_nobody_clears(model, repetitions, batches, rounds, n_targets):
    """Seven mined items in three batches, or in two, are batches of different sizes."""
    options = {"batches": batches, "rounds": rounds, "repetitions": repetitions}
    rows, of_scorer, *start = gradients(model, n_targets, **options)
    reference = Pieck({**options, "N": 7, "mining_times": 1, "poison_scorer": True}, range(n_targets), 0)
    expected, of_parameters = reference.pieck_uea(*start)
    assert torch.allclose(rows.double(), expected, rtol=1e-4, atol=1e-6)
    assert set(of_scorer) == set(of_parameters)
    assert all(torch.allclose(value[0].double(), of_parameters[name], rtol=1e-4, atol=1e-5) for name, value in of_scorer.items())


@pytest.mark.parametrize("n_targets", [1, 3])
def test_one_batch_and_one_outer_pass_is_the_equation(n_targets):
    rows, _, popular, targets, _ = gradients("mf", n_targets, batches=1, rounds=1, repetitions="outer")
    targets.requires_grad_()
    loss = -logsigmoid(popular @ targets.T).mean()  # Eq. (10), over P and T
    assert torch.allclose(rows.double(), torch.autograd.grad(loss, targets)[0], atol=1e-6)


def test_the_scorer_is_left_alone_unless_it_is_poisoned():
    choice = Choice("pieck_uea", None, "ncf")
    (view,) = choice.views([[0]])
    attack = choice.begun([0], poison_scorer=False)
    assert attack.gradients(view.model.items[None, : attack.N], torch.tensor([0]), view)[1] == {}


def test_more_batches_than_items():
    with pytest.raises(ValueError, match=r"attack\.batches = 9: at most attack\.N = 4"):
        CHOICE.begun(N=4, batches=9)
