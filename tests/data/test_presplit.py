"""Folders with train.txt and test.txt: the published ones, the format's corners, bad input."""

import pytest
import torch

from fedrec.data.presplit import Presplit
from tests.data.content import rows


def load(folder, train=None, test="0 1", validation=False, seed=0):
    if train is not None:
        (folder / "train.txt").write_text(train)
        (folder / "test.txt").write_text(test)
    return Presplit(root=str(folder), validation=validation).load(torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("name", "users", "items", "interactions"),
    [("ml-100k", 943, 1682, 99_999), ("ml-1m", 6040, 3706, 1_000_209), ("az", 16_566, 11_797, 169_781)],
)
def test_published_splits_have_the_statistics_of_table_viii(published, name, users, items, interactions):
    """ML-100K lacks its first row, which the released code lost."""
    split = load(published / name)
    assert split.name == name
    assert [split.statistics()[key] for key in ("users", "items", "interactions")] == [users, items, interactions]
    lines = [[int(word) for word in line.split()] for line in (published / name / "train.txt").read_text().splitlines()]
    assert [line[1:] for line in lines] == rows(split.train)
    lines = [[int(word) for word in line.split()] for line in (published / name / "test.txt").read_text().splitlines()]
    assert [line[1] if len(line) > 1 else -1 for line in lines] == split.test.tolist()


def test_test_items_that_were_trained_on_are_told(tmp_path, caplog):
    load(tmp_path, "0 1 2\n1 3 4\n", "0 5\n1 4\n")
    assert "1 test items are training items of the same user, too" in caplog.text


def test_a_file_without_any_test_item(tmp_path):
    with pytest.raises(ValueError, match=r"test\.txt:1: expected a user with a test item somewhere in this file"):
        load(tmp_path, "0 1 2\n1 3 4\n", "0\n1\n")


@pytest.mark.parametrize("name", ["ml-100k", "az"])
def test_validation_item_is_the_last_where_lines_are_in_order_of_time(published, name):
    before, after = load(published / name), load(published / name, validation=True)
    for row, rest, item in zip(rows(before.train), rows(after.train), after.validation.tolist(), strict=True):
        assert row == (rest if item < 0 else [*rest, item])
        assert rest
    assert torch.equal(before.test, after.test)


def test_validation_item_is_drawn_where_lines_are_sorted(published):
    before, *after = load(published / "ml-1m"), *(load(published / "ml-1m", validation=True, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(after[0].validation, after[1].validation)
    assert not torch.equal(after[0].validation, after[2].validation)
    for row, rest, item in zip(rows(before.train), rows(after[0].train), after[0].validation.tolist(), strict=True):
        assert sorted([*rest, item]) == row


def test_corners_of_the_format(tmp_path):
    split = load(tmp_path, train="2 4 4 0\r\n\n0  3\r\n1 2 1 ", test="2\n1 4\n")
    assert rows(split.train) == [[3], [2, 1], [4, 4, 0]]
    assert split.test.tolist() == [-1, 4, -1]
    assert (split.train.n_items, split.name) == (5, tmp_path.name)
    assert load(tmp_path, train="0 1\n", test="0 9").train.n_items == 10


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ("0 1 2\n1 x\n", "0 1", r"train\.txt:2: expected a user and one item or more, whole numbers, found '1 x'"),
        ("0 1 2\n1\n", "0 1", r"train\.txt:2: expected a user and one item or more, whole numbers, found '1'"),
        ("0 1 2\n1 -3\n", "0 1", r"train\.txt:2: expected a user and one item or more, whole numbers, found '1 -3'"),
        ("0 1\n\n2 3\n", "0 1", r"train\.txt:3: expected a user in 0\.\.1 \(train\.txt has 2 lines\), found '2 3'"),
        ("0 1\n0 3\n", "0 1", r"train\.txt:2: expected one line for each user, found '0 3'"),
        ("0 1\n1 3\n", "0 1\n2 1", r"test\.txt:2: expected a user in 0\.\.1 \(train\.txt has 2 lines\), found '2 1'"),
        ("0 1\n1 3\n", "0 1\n0 1", r"test\.txt:2: expected one line for each user, found '0 1'"),
        ("0 1\n1 3\n", "0 1\n1 1 2", r"test\.txt:2: expected a user and at most one item, whole numbers, found '1 1 2'"),
        ("0 1\n1 3 1000000\n", "0 1", r"train\.txt:2: expected items in 0\.\.999999, numbered without large gaps"),
        ("0 1\n1 3\n", "0 1\n1 99999999999", r"test\.txt:2: expected items in 0\.\.999999, numbered without large gaps"),
        ("", "0 1", r"train\.txt: expected lines of .*, found none: the data set is empty"),
        ("0 1", "", r"test\.txt: expected lines of .*, found none: the data set is empty"),
    ],
)
def test_bad_input_is_named(tmp_path, train, test, message):
    with pytest.raises(ValueError, match=message) as error:
        load(tmp_path, train, test)
    assert "\n" not in str(error.value)


def test_missing_root_folder_or_file(tmp_path):
    with pytest.raises(ValueError, match=r"dataset\.root is missing: dataset=presplit needs dataset\.root=FOLDER"):
        Presplit(root=None, validation=False).load(torch.Generator())
    with pytest.raises(ValueError, match=r"dataset\.root: cannot read .*train\.txt \(No such file or directory\)"):
        load(tmp_path)
