"""Any 5-core category of Amazon by name: the file at its address, split by time."""

import gzip
import json
from typing import get_args

import pytest

from fedrec.config.build import check
from fedrec.config.compose import compose
from fedrec.data import amazon_category
from fedrec.data.amazon_category import REVIEWS, Amazon, Category
from tests.data.content import rows

REVIEWED = [("A", "B1", 5.0, 30), ("C", "B1", 1.0, 5), ("A", "B2", 4.0, 10), ("A", "B1", 2.0, 20), ("C", "B3", 3.0, 6)]
LINES = "".join(
    json.dumps({"overall": stars, "vote": "2", "reviewerID": user, "asin": item, "reviewText": "said, \n", "unixReviewTime": time}) + "\n"
    for user, item, stars, time in REVIEWED
).encode()


def amazon(**options):
    return Amazon(**{"category": "Gift_Cards", "root": None, "cache": None, "validation": False, "deduplicate": True} | options)


def test_fetched_from_the_address_of_its_name_and_split_by_time(web_server, monkeypatch, tmp_path, generator, caplog):
    web_server.files = {"Gift_Cards_5.json.gz": gzip.compress(LINES)}
    monkeypatch.setattr(amazon_category, "AMAZON", web_server.url)
    split = amazon(cache=str(tmp_path)).load(generator)
    assert web_server.requests == ["/Gift_Cards_5.json.gz"] and (tmp_path / "amazon/Gift_Cards_5.json.gz").is_file()
    assert split.name == "amazon_Gift_Cards"
    assert split.user_ids.tolist() == ["A", "C"] and split.item_ids.tolist() == ["B1", "B2", "B3"]
    assert rows(split.train) == [[1], [0]] and rows(split.test) == [[0], [2]]
    assert "holds 2 users, 3 items, 5 interactions; published are 2 users, 3 items, 2,972 interactions" in caplog.text


def test_all_reviews_count_if_they_are_wanted(tmp_path, generator):
    (tmp_path / "Gift_Cards_5.json").write_bytes(LINES)
    split = amazon(root=str(tmp_path), deduplicate=False).load(generator)
    assert rows(split.train) == [[1, 0], [0]] and rows(split.test) == [[0], [2]]


def test_a_category_must_be_given_and_known():
    with pytest.raises(ValueError, match=r"dataset\.category is missing: dataset=amazon needs dataset\.category=NAME"):
        amazon(category=None).load(None)
    with pytest.raises(ValueError, match=r"dataset\.category=Gift_Card is not allowed: must be .*Gift_Cards"):
        check(compose("dataset=amazon", "dataset.category=Gift_Card"))
    assert len(get_args(Category)) == len(REVIEWS) == 29
