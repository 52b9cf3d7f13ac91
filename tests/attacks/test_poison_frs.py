"""PoisonFRS: together its clients reach what they want, and Lambda grows as it should. Equations: the oracle has them."""

import pytest
import torch

from fedrec.interfaces import AttackerView, GlobalModel
from tests.attacks.choices import N_CLIENTS, N_ITEMS, TARGETS, Choice

CHOICE = Choice("poison_frs", None, "mf")
EVERYBODY = range(N_CLIENTS)


def moved(view, upload):
    """Return the items after the plain sum of an upload."""
    return view.model.items - view.learning_rate * upload.total(N_ITEMS)[0]


def test_it_is_silent_until_it_begins():
    attack = CHOICE.begun(start_round=2)
    lengths = [len(attack.poison(view).items) for view in CHOICE.views([EVERYBODY, EVERYBODY, EVERYBODY[:2]])]
    assert lengths == [0, 0, 2 * 60]


@pytest.mark.parametrize("sampled", [[0], [4, 1], EVERYBODY])
def test_however_many_clients_reach_the_wanted_rows_together(sampled):
    """Targets become Lambda c, and the items that have moved most are what they were when the attack began."""
    attack = CHOICE.begun(start_round=0, noise_std=0.0, kappa=12)
    first, second = CHOICE.views([sampled, sampled])
    attack.poison(first)
    after = moved(second, attack.poison(second))
    items = second.model.items
    likeness = [(float(items[item] @ items.mean(0)), item) for item in range(N_ITEMS) if item not in TARGETS]
    centre = items[[item for _, item in sorted(likeness)[:5]]].mean(0)
    assert torch.allclose(after[TARGETS], 10 * centre.expand(2, -1), atol=1e-4)
    distances = (items - first.model.items).norm(dim=1)
    distances[TARGETS] = -1
    farthest = distances.topk(10).indices
    assert torch.allclose(after[farthest], first.model.items[farthest], atol=1e-4)
    others = [item for item in range(N_ITEMS) if item not in [*TARGETS, *farthest.tolist()]]
    assert torch.equal(after[others], items[others])


def test_noise_differs_from_client_to_client_and_from_round_to_round():
    quiet, loud = CHOICE.begun(start_round=0, noise_std=0.0), CHOICE.begun(start_round=0, noise_std=0.5)
    added = [loud.poison(view).rows - quiet.poison(view).rows for view in CHOICE.views([[0, 1], [0, 1]])]
    assert float(added[0].std()) == pytest.approx(0.5, rel=0.1)
    assert not torch.allclose(added[0][:60], added[0][60:], atol=0.1) and not torch.allclose(added[0], added[1], atol=0.1)


def test_lambda_doubles_while_the_targets_come_nearer_to_what_was_wanted():
    attack = CHOICE.begun(start_round=0, noise_std=0.0, kappa=2, max_lambda=35.0)
    items = 0.01 * torch.randn(N_ITEMS, 32, generator=torch.Generator().manual_seed(0))
    items[:, 0] += 10.0  # most items are alike
    items[10:15, 0] -= 30.0  # the popular ones lie on the other side
    scales = []
    for round, obeys in enumerate([True, True, True, False, True, True]):
        view = AttackerView(round, torch.arange(2), GlobalModel(items), 1.0)
        upload = attack.poison(view)
        scales.append(float(attack.scale))
        items = moved(view, upload) if obeys else items * torch.where(torch.arange(N_ITEMS) == 3, -1, 1)[:, None]
    assert scales[0] == 10.0 and scales[1] == 20.0
    assert scales == sorted(scales) and scales[-1] <= 35.0
    assert scales[-1] == scales[-2]  # once it has stopped, it does not grow again


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"N": 79}, r"attack\.N = 79: at most 78, the number of items beside the targets"),
        ({"kappa": 1}, r"attack\.kappa = 1: at least 2, the number of targets"),
        ({"max_lambda": 5.0}, r"attack\.max_lambda = 5\.0: at least attack\.lambda_ = 10\.0"),
    ],
)
def test_options_that_do_not_fit(options, words):
    with pytest.raises(ValueError, match=words):
        CHOICE.begun(**options)
