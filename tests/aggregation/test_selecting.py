"""Selecting in many groups at once: the result of one group after another, whatever vectors the uploads are made of."""

import pytest
import torch

from fedrec.aggregation import GroupedUploads, select_uploads
from fedrec.aggregation.selecting import left_out
from tests.defenses.uploads import of_rows
from tests.reference.rules import krum, multi_krum, one_by_one

SIZES = [3, 9, 9, 10, 11, 12, 17, 18, 40, 42]
F = torch.tensor([0, 1, 1, 1, 1, 1, 2, 2, 4, 4])
SCORES = pytest.mark.parametrize("score", ["paper", "original"])


def of_distinct_rows():
    """Uploads that are vectors of their own."""
    generator = torch.Generator().manual_seed(0)
    items = torch.cat([torch.full((size,), item) for item, size in enumerate(SIZES)])
    senders = torch.cat([torch.randperm(50, generator=generator)[:size] for size in SIZES])
    one = of_rows(items, senders, torch.randn(len(items), 3, generator=generator).double(), 50)
    return GroupedUploads.by_item(one.upload, len(SIZES))


def of_shared_vectors():
    """The same groups, but every upload is a number times one of a few vectors."""
    uploads, generator = of_distinct_rows(), torch.Generator().manual_seed(1)
    n, vectors = len(uploads.senders), torch.randn(50, 3, generator=generator).double()
    parts = vectors, torch.randint(50, (n,), generator=generator), torch.randn(n, generator=generator).double()
    return GroupedUploads(uploads.keys, uploads.sizes, *parts, uploads.senders)


@pytest.fixture(scope="module", name="uploads", params=[of_distinct_rows, of_shared_vectors])
def _uploads(request):
    return request.param()


def test_products_are_made_once_for_all_groups_where_that_is_less_work():
    assert not len(of_distinct_rows().for_loops().products)  # 171 vectors: each group makes its own
    assert of_shared_vectors().for_loops().products.shape == (50, 50)


@SCORES
def test_equals_the_oracle_in_every_group(uploads, score):
    best = select_uploads(uploads, torch.ones_like(F), F, score).split(SIZES)
    at_once = select_uploads(uploads, uploads.sizes - F, F, score).split(SIZES)
    repeated = select_uploads(uploads, uploads.sizes - 2 * F, F, score, repeated=True).split(SIZES)
    for number, rows in enumerate(uploads.rows.split(SIZES)):
        f = int(F[number])
        assert best[number].nonzero().flatten().tolist() == krum(rows, f, score).used
        assert repeated[number].nonzero().flatten().tolist() == one_by_one(rows, f, score)[0]
        if score == "original":
            assert at_once[number].nonzero().flatten().tolist() == multi_krum(rows, f, score).used


def test_none_and_all_can_be_selected(uploads):
    n_selected = uploads.sizes * (torch.arange(len(SIZES)) % 2)
    found = select_uploads(uploads, n_selected, F, "paper").split(SIZES)
    assert [int(accepted.sum()) for accepted in found] == n_selected.tolist()


def test_what_a_score_leaves_out():
    """The paper's score counts n - f of n - 1 others, the original one n - f - 2."""
    f = torch.tensor([0, 1, 2, 7])
    assert left_out(f, "paper").tolist() == [0, 0, 1, 6]
    assert left_out(f, "original").tolist() == [1, 2, 3, 8]
