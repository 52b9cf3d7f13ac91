"""Splits that papers publish: fetched file by file, compared with their statistics, numbered as their publishers number them."""

import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest

from fedrec.data import published_splits
from fedrec.data.published_files import PublishedFile
from fedrec.data.published_splits import AmazonBook, Gowalla, LastFM, Steam, Yelp2018
from tests.data.content import rows

TRAIN, TEST = b"0 4 2\n1 2 0\n2 1\n", b"0 1 0\n1 4\n2\n"  # nobody has item 3
DATA = Path(os.environ.get("FEDREC_DATA", "absent"))


@pytest.fixture
def served(web_server, monkeypatch):
    """Serve the files of one split at the end of their addresses."""

    def serve(kind, published, train=TRAIN, test=TEST):
        files = tuple(replace(file, url=f"{web_server.url}/{file.name}", checksum=None) for file in kind.files)
        web_server.files = dict(zip((file.name for file in files), (train, test), strict=True))
        monkeypatch.setattr(kind, "files", files)
        monkeypatch.setattr(kind, "published", published)

    return serve


@pytest.mark.parametrize("kind", [Steam, Gowalla, Yelp2018, AmazonBook])
def test_fetched_and_read_with_the_items_that_nobody_has(kind, served, web_server, tmp_path, generator, caplog):
    served(kind, (3, 5, 8))
    for _ in range(2):
        split = kind(root=None, cache=str(tmp_path), validation=False).load(generator)
    assert web_server.requests == ["/train.txt", "/test.txt"]
    assert sorted(path.name for path in (tmp_path / kind.name).iterdir()) == ["test.txt", "train.txt"]
    assert (split.name, split.train.n_items, split.item_ids.tolist()) == (kind.name, 5, [0, 1, 2, 3, 4])
    assert rows(split.train) == [[4, 2], [2, 0], [1]] and rows(split.test) == [[1, 0], [4], []]
    assert caplog.messages == []  # the gap in the ids is no mistake here


def test_validation_takes_the_last_of_a_line(served, tmp_path, generator):
    served(Gowalla, (3, 5, 8))
    split = Gowalla(root=None, cache=str(tmp_path), validation=True).load(generator)
    assert rows(split.train) == [[4], [2], [1]] and rows(split.validation) == [[2], [0], []]


@pytest.mark.parametrize("published", [(4, 5, 8), (3, 6, 8), (3, 5, 9)])
def test_a_fetched_split_with_other_numbers_ends_in_one_line(served, tmp_path, generator, published):
    served(Gowalla, published)
    with pytest.raises(ValueError, match=r"dataset=gowalla: .*holds 3 users, .* items, 8 interactions; published are") as error:
        Gowalla(root=None, cache=str(tmp_path), validation=False).load(generator)
    assert "\n" not in str(error.value)


def test_ones_own_folder_with_other_numbers_is_read_and_said(tmp_path, generator, caplog):
    (tmp_path / "train.txt").write_bytes(TRAIN)
    (tmp_path / "test.txt").write_bytes(TEST)
    with caplog.at_level(logging.WARNING):
        split = Gowalla(root=str(tmp_path), cache=None, validation=False).load(generator)
    assert split.train.n_items == 4  # its own items only
    assert any("published are 29,858 users, 40,981 items, 1,027,370 interactions" in told for told in caplog.messages)


@pytest.mark.parametrize("kind", [Steam, LastFM])
def test_a_folder_without_the_files(kind, tmp_path, generator):
    first, second = (file.name for file in kind.files)
    with pytest.raises(ValueError, match=rf"dataset\.root=.* holds no {first} and no {second}; dataset\.root=null takes"):
        kind(root=str(tmp_path), cache=None, validation=False).load(generator)


def test_lastfm_has_a_row_for_each_interaction(served, tmp_path, generator):
    served(LastFM, (3, 4, 6), b"2\t1\t9\n1\t4\t1.4641e+05\n3\t2\t1\n1\t2\t7\n", b"1\t1\t5\n2\t4\t8\n")
    split = LastFM(root=None, cache=str(tmp_path), validation=False).load(generator)
    assert rows(split.train) == [[3, 1], [0], [1]] and rows(split.test) == [[0], [3], []]
    assert split.user_ids.tolist() == [1, 2, 3] and split.item_ids.tolist() == [1, 2, 3, 4]
    split = LastFM(root=str(tmp_path / "lastfm"), cache=None, validation=True).load(generator)
    assert rows(split.train) == [[3], [0], [1]] and rows(split.validation) == [[1], [], []]


def test_the_addresses_are_those_of_the_authors():
    assert Steam.files[0].url.startswith("https://raw.githubusercontent.com/rdz98/FedRecAttack/")
    assert Gowalla.files[1].url == f"{published_splits.LIGHTGCN}/gowalla/test.txt"
    assert AmazonBook.files[0].url == f"{published_splits.LIGHTGCN}/amazon-book/train.txt"
    assert LastFM.files[0].url == f"{published_splits.LIGHTGCN}/lastfm/data1.txt"


@pytest.mark.skipif(not (DATA / "steam").is_dir(), reason="FEDREC_DATA holds no steam")
def test_steam_has_the_published_statistics_and_checksums(generator, caplog):
    split = Steam(root=str(DATA / "steam"), cache=None, validation=False).load(generator)
    assert [split.statistics()[name] for name in ("users", "items", "interactions")] == [3_753, 5_134, 114_713]
    assert split.test.only().min() >= 0 and caplog.messages == []
    for file in Steam.files:
        PublishedFile._check(file, DATA / "steam" / file.name)
