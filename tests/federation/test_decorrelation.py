"""`attack.decorrelate`: what several clients send for an item becomes parts that are not alike and have the same sum."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from fedrec.federation.decorrelation import SPREAD, decorrelated, directions
from fedrec.interfaces import DenseScorerGradients, ScorerPart, Upload
from tests.attacks.choices import CHOICES, N_CLIENTS, N_ITEMS, Choice
from tests.reference.drawn_cases import cases
from tests.reference.federations import build_system
from tests.reference.promoting_attacks import parts_of

SIZE, ITEMS, CLIENTS, SEED = 3, 6, 5, 7


@st.composite
def uploads(draw):
    """Draw rows of some of the clients 0..4 in any order; an item may have one sender, and a client may send nothing."""
    clients = draw(st.permutations(range(CLIENTS)))[: draw(st.integers(0, CLIENTS))]
    pairs = [(place, item) for place in range(len(clients)) for item in range(ITEMS) if draw(st.booleans())]
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    rows = torch.randn(len(pairs), SIZE, generator=generator, dtype=torch.float64)
    if draw(st.booleans()):
        rows[:] = rows[:1]  # copies
    segments, items = (torch.tensor(part, dtype=torch.int64) for part in (zip(*pairs, strict=True) if pairs else ((), ())))
    senders = torch.tensor([place for place in range(len(clients)) if draw(st.booleans())], dtype=torch.int64)
    layers = {"W1": torch.randn(len(senders), 2, 3, generator=generator, dtype=torch.float64)}
    scorer = (ScorerPart(senders, DenseScorerGradients(layers)),) if len(senders) else ()
    return Upload.of_rows(torch.tensor(clients, dtype=torch.int64), items, segments, rows, scorer)


@given(upload=uploads())
def test_parts_equal_the_oracle_and_have_the_same_sum(upload):
    parts = decorrelated(upload, CLIENTS, ITEMS, SEED)
    assert torch.equal(parts.items, upload.items) and torch.equal(parts.segments, upload.segments)
    assert torch.allclose(parts.total(ITEMS)[0], upload.total(ITEMS)[0], atol=1e-12)
    senders = upload.clients[upload.segments].tolist()
    rows = list(zip(senders, upload.items.tolist(), upload.rows, strict=True))
    expected = parts_of(rows, directions(CLIENTS, SIZE, SEED, "items").double(), SPREAD)
    assert all(torch.allclose(part, other) for part, other in zip(parts.rows, expected, strict=True))


@given(upload=uploads())
def test_tensors_of_the_scorer_are_cut_alike(upload):
    parts = decorrelated(upload, CLIENTS, ITEMS, SEED)
    (senders, layers), (whose, cut) = upload.scorer_rows(), parts.scorer_rows()
    assert torch.equal(senders, whose) and set(layers) == set(cut)
    if layers:
        rows = [(client, 0, layer.flatten()) for client, layer in zip(upload.clients[senders].tolist(), layers["W1"], strict=True)]
        expected = torch.stack(parts_of(rows, directions(CLIENTS, 6, SEED, "W1").double(), SPREAD))
        assert cut["W1"].shape == layers["W1"].shape and torch.allclose(cut["W1"].flatten(1), expected)
        assert torch.allclose(parts.scorer_total()["W1"], upload.scorer_total()["W1"], atol=1e-12)


def test_a_client_alone_sends_what_it_would_have_sent():
    rows = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    upload = Upload.of_rows(torch.tensor([4]), torch.tensor([0, 5]), torch.tensor([0, 0]), rows)
    assert torch.equal(decorrelated(upload, CLIENTS, ITEMS, SEED).rows, rows)


def test_copies_are_no_longer_alike():
    everybody = torch.arange(40)
    upload = Upload.of_rows(everybody, torch.zeros(40, dtype=torch.int64), everybody, torch.ones(40, 32))
    units = normalize(decorrelated(upload, 40, ITEMS, SEED).rows)
    cosines = (units @ units.T).fill_diagonal_(0)
    assert float(cosines.mean()) < 0.15  # 1 before


@pytest.mark.parametrize("choice", [choice for choice in CHOICES if choice.model == "ncf"], ids=str)
def test_every_attack_can_be_decorrelated(choice: Choice):
    """The parts of all rounds add up to what the attack would have sent."""
    attack = choice.begun()
    for view in choice.views([range(N_CLIENTS), [3, 1], range(N_CLIENTS), range(N_CLIENTS)], attack):
        upload = attack.poison(view)
        parts = decorrelated(upload, N_CLIENTS, N_ITEMS, attack.known.seed)
        (rows, layers), (sums, totals) = upload.total(N_ITEMS), parts.total(N_ITEMS)
        scale = float(rows.abs().max()) + 1e-6
        assert torch.allclose(sums / scale, rows / scale, atol=1e-4)
        assert all(torch.allclose(totals[name], value, atol=1e-4) for name, value in layers.items())


@given(case=cases(["a_ra"], ["mf", "ncf"]))
def test_the_plain_sum_yields_the_same_training(case):
    torch.set_default_dtype(torch.float64)
    try:
        plain, cut = build_system(case), build_system(replace(case, attack_options=case.attack_options | {"decorrelate": True}))
        for _ in zip(plain.rounds(), cut.rounds(), strict=True):
            scale = float(plain.global_model.items.abs().max())
            assert torch.allclose(cut.global_model.items, plain.global_model.items, atol=1e-6 * scale)
            cut.load_state_dict(plain.state_dict())  # or rounding would grow in a case that diverges
    finally:
        torch.set_default_dtype(torch.float32)
