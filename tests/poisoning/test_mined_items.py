"""What both PIECK attacks upload, and when. Equations: tests/federation/test_system.py compares them with the oracle."""

import pytest
import torch

from tests.attacks.choices import Choice

both = pytest.mark.parametrize("choice", [Choice("pieck_ipe", None, "mf"), Choice("pieck_uea", None, "mf")], ids=str)


@both
def test_a_client_uploads_targets_only_and_only_once_it_has_mined(choice):
    attack = choice.begun([0, 1], mining_times=1)
    first, second = choice.views([[3, 0], [1, 3]])
    assert len(attack.poison(first).items) == 0
    upload = attack.poison(second)
    assert upload.clients.tolist() == [1, 3]
    assert upload.items.tolist() == [0, 1]
    assert upload.segments.tolist() == [1, 1]  # client 3 has taken part twice, client 1 once
    assert upload.rows.isfinite().all() and bool(upload.rows.any())


@both
def test_copies_of_the_first_target_or_all_together(choice):
    uploads = {}
    for strategy in ("copy", "together"):
        attack = choice.begun([0, 1], multi_target=strategy, mining_times=1)
        first, second = choice.views([[2], [2]])
        attack.poison(first)
        uploads[strategy] = attack.poison(second).rows
    assert torch.equal(uploads["copy"][0], uploads["copy"][1])
    assert not torch.allclose(uploads["together"][0], uploads["together"][1])
    assert torch.allclose(uploads["together"][0], uploads["copy"][0] / 2)  # Eqs. (8) and (10) average over T


@both
def test_more_mined_items_than_items(choice):
    with pytest.raises(ValueError, match=r"attack\.N = 79: at most 78 of the 80 items can be mined"):
        choice.begun([0, 1], N=79)
