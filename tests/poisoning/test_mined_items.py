"""What both PIECK attacks upload, and when. Equations: tests/federation/test_system.py compares them with the oracle."""

import pytest
import torch

from fedrec.interfaces import ReplacedRows
from tests.attacks.choices import Choice

N_ITEMS = 80
both = pytest.mark.parametrize("choice", [Choice("pieck_ipe", None, "mf"), Choice("pieck_uea", None, "mf")], ids=str)


@both
def test_a_client_uploads_targets_only_and_may_wait_until_it_has_mined(choice):
    attack = choice.begun([0, 1], mining_times=1, starts="mined")
    views = choice.views([[3, 0], [1, 3]], attack)
    assert len(attack.poison(next(views)).items) == 0
    upload = attack.poison(next(views))
    assert upload.clients.tolist() == [1, 3]
    assert upload.items.tolist() == [0, 1]
    assert upload.segments.tolist() == [1, 1]  # client 3 has taken part twice, client 1 once
    assert upload.rows.isfinite().all() and bool(upload.rows.any())


@both
def test_a_client_may_upload_at_once_with_arbitrary_items(choice):
    """It takes the topk of zeros for popular until it has mined, then what changed most; never a target."""
    attack = choice.begun([5, 79], N=6, mining_times=1, starts="first")
    first, second = choice.views([[3, 0], [1, 3]])
    replaced = ReplacedRows(None, first.model.items, second.model.items)
    zeros = torch.zeros(N_ITEMS)
    zeros[[5, 79]] = -1024
    arbitrary = zeros.topk(6).indices
    changes = (second.model.items - first.model.items).norm(dim=1)
    changes[[5, 79]] = -1024
    for view, popular in ((first, [arbitrary, arbitrary]), (second, [arbitrary, changes.topk(6).indices])):
        upload = attack.poison(view)
        assert upload.items.tolist() == [5, 79] * 2 and upload.segments.tolist() == [0, 0, 1, 1]
        expected, _ = attack.gradients(view.model.items[torch.stack(popular)], attack.optimised_targets, view)
        assert torch.allclose(upload.rows, expected.expand(-1, 2, -1).flatten(0, 1)) and bool(upload.rows.any())
        attack.follow(replaced)
    assert attack.mined_items().tolist() == [changes.topk(6).indices.tolist()]  # arbitrary items do not count as mined


@both
def test_copies_of_the_first_target_or_all_together(choice):
    uploads, outer = {}, {"repetitions": "outer"} if choice.name == "pieck_uea" else {}
    for strategy in ("copy", "together"):
        attack = choice.begun([0, 1], multi_target=strategy, mining_times=1, **outer)
        _, uploads[strategy] = (attack.poison(view).rows for view in choice.views([[2], [2]], attack))
    assert torch.equal(uploads["copy"][0], uploads["copy"][1])
    assert not torch.allclose(uploads["together"][0], uploads["together"][1])
    assert torch.allclose(uploads["together"][0], uploads["copy"][0] / 2)  # Eqs. (8) and (10) average over T


@both
def test_more_mined_items_than_items(choice):
    with pytest.raises(ValueError, match=r"attack\.N = 79: at most 78 of the 80 items can be mined"):
        choice.begun([0, 1], N=79)
