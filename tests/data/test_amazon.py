"""Amazon Digital Music: the published split from a file of reviews, duplicates, bad input."""

import gzip
import json

import numpy as np
import pytest
import torch

from fedrec.data.amazon import AmazonMusic, has_published_counts, read_reviews
from fedrec.data.presplit import Presplit
from fedrec.data.raw_files import RawFile, numbered
from tests.data.content import rows


def review(user, item):
    return json.dumps({"overall": 5.0, "reviewerID": f"A{user}", "asin": f"B{item}", "reviewText": 'an "asin"'}) + "\n"


@pytest.fixture(scope="module")
def theirs(published):
    return Presplit(root=str(published / "az"), validation=False).load(torch.Generator())


@pytest.fixture(scope="module")
def folder(theirs, tmp_path_factory):
    """Return a folder with a file of reviews made from the published split: training items, then the test item."""
    folder = tmp_path_factory.mktemp("az")
    with gzip.open(folder / "Digital_Music_5.json.gz", "wt", compresslevel=1) as file:
        for user, (items, test) in enumerate(zip(rows(theirs.train), theirs.test.only().tolist(), strict=True)):
            file.writelines(review(user, item) for item in [*items, test] if item >= 0)
    return folder


def load(folder, deduplicate=False, validation=False):
    return AmazonMusic(root=str(folder), cache=None, validation=validation, deduplicate=deduplicate).load(torch.Generator())


def test_split_is_the_published_one(folder, theirs):
    ours = load(folder)
    assert ours.user_ids.tolist() == [f"A{user}" for user in range(16_566)]
    ids = np.array([int(item.removeprefix("B")) for item in ours.item_ids])
    assert ours.name == "amazon_music"
    statistics = ours.statistics()
    assert (statistics["users"], statistics["items"], statistics["interactions"]) == (16_566, 11_797, 169_781)
    assert (round(statistics["rate"]), round(statistics["sparsity"], 4)) == (10, 0.9991)
    assert torch.equal(ours.train.offsets, theirs.train.offsets)
    assert (ids[ours.train.items] == theirs.train.items.numpy()).all()
    assert (np.where(ours.test.only() >= 0, ids[ours.test.only()], -1) == theirs.test.only().numpy()).all()


def test_duplicates_stay(folder):
    split = load(folder)
    bought_again = [test in row for row, test in zip(rows(split.train), split.test.only().tolist(), strict=True)]
    assert sum(bought_again) == 429
    assert (split.test.only() < 0).sum() == 2


def test_deduplicate_keeps_the_last_of_each_pair(folder):
    published, split = load(folder), load(folder, deduplicate=True)
    assert split.statistics()["interactions"] == 145_292 == 169_781 - 24_489
    tests = zip(rows(split.train), split.test.only().tolist(), published.test.only().tolist(), strict=True)
    assert all(test not in row and len(set(row)) == len(row) and test in (published_test, -1) for row, test, published_test in tests)


def test_validation_leaves_everybody_something_to_train_on(folder):
    split = load(folder, validation=True)
    assert split.train.offsets.diff().min() == 1
    assert (split.validation.only() < 0).sum() == 7
    assert split.statistics()["interactions"] == 169_781


def test_published_counts_are_recognised(folder):
    content = (folder / "Digital_Music_5.json.gz").read_bytes()
    assert has_published_counts(RawFile("reviews", content))
    assert not has_published_counts(RawFile("reviews", review(0, 1).encode()))


def test_plain_file_of_reviews(tmp_path):
    (tmp_path / "Digital_Music_5.json").write_text(review(5, 7) + "\n" + review(4, 7) + review(5, 6) + review(5, 7))
    split = load(tmp_path)
    assert (rows(split.train), split.test.only().tolist()) == ([[0, 1], [0]], [0, -1])
    assert rows(load(tmp_path, deduplicate=True).train) == [[1], [0]]


@pytest.mark.parametrize(
    "line", ["[" * 100_000, '{"a":' * 100_000, "1" * 5000, "\r{", "{", "[1, 2]", '{"asin": "B1"}', '{"asin": "B1", "reviewerID": 7}', "5"]
)
def test_malformed_line_is_named(line):
    with pytest.raises(ValueError, match=r'^reviews:2: expected a review in JSON with the strings "reviewerID" and "asin", found '):
        read_reviews(RawFile("reviews", (review(1, 2) + line + "\n" + review(1, 3)).encode()))


def test_ids_of_any_length_and_content_stay_apart_and_cost_what_they_hold():
    """One of a million letters would make an array of fixed width of four gigabytes out of a thousand reviews."""
    users, items = read_reviews(RawFile("reviews", "".join(map(review, range(1000), ["x" * 10**6, *range(999)])).encode()))
    assert len(items[0]) == 10**6 + 1 and items.nbytes < 10**5
    users, _ = read_reviews(RawFile("reviews", (review("\0", 1) + review("", 1)).encode()))
    assert numbered(users)[0].tolist() == [0, 1]


def test_empty_file_is_an_error():
    with pytest.raises(ValueError, match="the data set is empty"):
        read_reviews(RawFile("reviews", b"\n"))
