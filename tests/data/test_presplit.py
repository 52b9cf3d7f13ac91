"""Folders with train.txt and test.txt: the published ones, the format's corners, bad input."""

import os

import numpy as np
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
    assert split.user_ids.tolist() == list(range(users)) and split.item_ids.tolist() == list(range(items))
    lines = [[int(word) for word in line.split()] for line in (published / name / "train.txt").read_text().splitlines()]
    assert [line[1:] for line in lines] == rows(split.train)
    lines = [[int(word) for word in line.split()] for line in (published / name / "test.txt").read_text().splitlines()]
    assert [line[1] if len(line) > 1 else -1 for line in lines] == split.test.only().tolist()


@pytest.mark.parametrize("validation", [False, True])
@pytest.mark.parametrize("name", ["ml-100k", "ml-1m", "az"])
def test_ids_with_gaps_change_nothing_but_the_names(published, tmp_path, caplog, name, validation):
    """The same split with every id times 100, to the last bit, drawn validation items included."""
    for file in ("train.txt", "test.txt"):
        lines = (published / name / file).read_text().splitlines()
        (tmp_path / file).write_text("".join(" ".join(f"{word}00" for word in line.split()) + "\n" for line in lines))
    dense, spread = load(published / name, validation=validation), load(tmp_path, validation=validation)
    assert dense.checksum() == spread.checksum()
    assert np.array_equal(spread.item_ids, dense.item_ids * 100) and np.array_equal(spread.user_ids, dense.user_ids * 100)
    (line,) = [record.message for record in caplog.records if "ids have gaps" in record.message]
    n_users, n_items = dense.train.n_users, dense.train.n_items
    assert f"{n_users} users (ids 0 to {n_users - 1}00) and {n_items} items (ids 0 to {n_items - 1}00) are numbered anew" in line


def test_an_id_far_away_makes_no_large_model(tmp_path):
    """Ids are numbered in ascending order, whatever the order of the lines; a test item counts, too."""
    split = load(tmp_path, train="900000000000000000 7 2000000\n3 2000000 5\n", test="3 9\n900000000000000000 5\n")
    assert (split.user_ids.tolist(), split.item_ids.tolist()) == ([3, 9 * 10**17], [5, 7, 9, 2_000_000])
    assert rows(split.train) == [[3, 0], [1, 3]]
    assert split.test.only().tolist() == [2, 0]


def test_an_item_that_stands_on_a_line_four_times_counts_four_times_and_is_told(tmp_path, caplog):
    split = load(tmp_path, "0 1 1 1 2 1\n1 0 2\n", "0 0\n")
    assert rows(split.train) == [[1, 1, 1, 2, 1], [0, 2]]
    assert "3 training items stand on the line of their user again; each counts as one more interaction" in caplog.text


def test_a_plain_file_is_told_nothing(tmp_path, caplog):
    load(tmp_path, "0 1 2\n1 0 2\n", "0 0\n1 1\n")
    assert not caplog.records


def test_a_file_without_any_test_item(tmp_path):
    with pytest.raises(ValueError, match=r"test\.txt:1: expected a user with a test item somewhere in this file"):
        load(tmp_path, "0 1 2\n1 3 4\n", "0\n1\n")


@pytest.mark.parametrize("name", ["ml-100k", "az"])
def test_validation_item_is_the_last_where_lines_are_in_order_of_time(published, name):
    before, after = load(published / name), load(published / name, validation=True)
    for row, rest, item in zip(rows(before.train), rows(after.train), after.validation.only().tolist(), strict=True):
        assert row == (rest if item < 0 else [*rest, item])
        assert rest
    assert torch.equal(before.test.items, after.test.items)


def test_validation_item_is_drawn_where_lines_are_sorted(published):
    before, *after = load(published / "ml-1m"), *(load(published / "ml-1m", validation=True, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(after[0].validation.items, after[1].validation.items)
    assert not torch.equal(after[0].validation.items, after[2].validation.items)
    for row, rest, item in zip(rows(before.train), rows(after[0].train), after[0].validation.only().tolist(), strict=True):
        assert sorted([*rest, item]) == row


def test_corners_of_the_format(tmp_path):
    split = load(tmp_path, train="2 4 4 0\r\n\n0  3\r\n1 2 1 ", test="2\n1 4\n")
    assert rows(split.train) == [[3], [2, 1], [4, 4, 0]]
    assert split.test.only().tolist() == [-1, 4, -1]
    assert (split.train.n_items, split.name) == (5, tmp_path.name)
    assert load(tmp_path, train="0 1\n", test="0 9").train.n_items == 2


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ("0 1 2\n1 x\n", "0 1", r"train\.txt:2: expected a user and one item or more, whole numbers, found '1 x'"),
        ("0 1 2\n1\n", "0 1", r"train\.txt:2: expected a user and one item or more, whole numbers, found '1'"),
        ("0 1 2\n1 -3\n", "0 1", r"train\.txt:2: expected a user and one item or more, whole numbers, found '1 -3'"),
        ("0 1234567890123456789\n", "0 1", r"train\.txt:1: expected .* whole numbers of at most 18 digits, found '0 12"),
        ("0 1\n0 3\n", "0 1", r"train\.txt:2: expected one line for each user, found '0 3'"),
        ("0 1\n1 3\n", "0 1\n2 1", r"test\.txt:2: expected a user who has a line in train\.txt, found '2 1'"),
        ("0 1\n1 3\n", "0 1\n0 1", r"test\.txt:2: expected one line for each user, found '0 1'"),
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
    with pytest.raises(ValueError, match=r"dataset\.root=.* holds no train\.txt and no test\.txt; dataset=presplit needs a folder with"):
        load(tmp_path)
    (tmp_path / "train.txt").write_text("0 1\n")
    with pytest.raises(ValueError, match=r"dataset\.root=.* holds no test\.txt; "):
        load(tmp_path)
    for place in ("absent", "train.txt"):
        with pytest.raises(ValueError, match=rf"dataset\.root=.*{place} is no folder; "):
            load(tmp_path / place)


@pytest.mark.parametrize("strange", ["pipe", "folder", "device"])
def test_what_is_no_regular_file_is_not_read(tmp_path, strange):
    """Nobody ever writes into the pipe, and /dev/zero never ends."""
    (tmp_path / "test.txt").write_text("0 1\n")
    make = {"pipe": os.mkfifo, "folder": os.mkdir, "device": lambda path: path.symlink_to("/dev/zero")}
    make[strange](tmp_path / "train.txt")
    with pytest.raises(ValueError, match=r"dataset\.root: .*train\.txt is no regular file, but a folder, a pipe or a device"):
        load(tmp_path)


def test_a_file_of_a_hundred_gigabytes_is_not_read(tmp_path):
    (tmp_path / "test.txt").write_text("0 1\n")
    with (tmp_path / "train.txt").open("w") as file:
        file.truncate(100 * 2**30)  # a hole, which needs no disk
    with pytest.raises(ValueError, match=r"dataset\.root: .*train\.txt is longer than 1,073,741,824 bytes, the most that is read"):
        load(tmp_path)


@pytest.mark.parametrize(("root", "message"), [("~nobody_of_this_name/x", "there is no home folder of this name"), ("a\0b", "a zero byte")])
def test_a_root_that_is_no_path(root, message):
    with pytest.raises(ValueError, match=f"dataset\\.root.*{message}"):
        Presplit(root=root, validation=False).load(torch.Generator())


def test_a_user_may_have_several_test_items(tmp_path):
    (tmp_path / "train.txt").write_text("0 4 2 \n7 2\n9 4 6\n")
    (tmp_path / "test.txt").write_text("9 2 8 4\n0\n7 6\n")
    split = Presplit(root=str(tmp_path), validation=True).load(torch.Generator())
    assert split.item_ids.tolist() == [2, 4, 6, 8]
    assert (rows(split.train), rows(split.test), rows(split.validation)) == ([[1], [0], [1]], [[], [2], [0, 3, 1]], [[0], [], [2]])
    assert split.checksum() != Presplit(root=str(tmp_path), validation=False).load(torch.Generator()).checksum()
