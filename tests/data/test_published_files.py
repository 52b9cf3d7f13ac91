"""Published files stay on disk: from dataset.root, else from the cache, else fetched; one line says what fails."""

import hashlib
import logging
import os

import pytest

from fedrec.data.published_files import PublishedFile, require_published

CONTENT = b"1,2,3\n" * 1000


@pytest.fixture
def file(web_server):
    web_server.files = {"ml.zip": CONTENT}
    return PublishedFile(f"{web_server.url}/ml.zip", ("ml.zip", "ratings.csv"), f"md5:{hashlib.md5(CONTENT).hexdigest()}")


def kept(folder):
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def test_fetched_once_then_cached(file, web_server, tmp_path):
    for _ in range(2):
        assert file.obtain("tiny", None, str(tmp_path)).read_bytes() == CONTENT
    assert web_server.requests == ["/ml.zip"]
    assert kept(tmp_path) == ["tiny/ml.zip"]


def test_a_damaged_cache_is_noticed_and_fetched_again(file, web_server, tmp_path, caplog):
    path = file.obtain("tiny", None, str(tmp_path))
    path.write_bytes(CONTENT[:100])
    assert file.obtain("tiny", None, str(tmp_path)).read_bytes() == CONTENT
    assert "is damaged or altered (md5 " in caplog.text and len(web_server.requests) == 2


@pytest.mark.parametrize("cut_short", [True, False])
def test_a_damaged_download_never_reaches_the_cache(file, web_server, tmp_path, cut_short):
    web_server.cut_short = cut_short
    web_server.files = {"ml.zip": CONTENT + b"altered"}
    with pytest.raises(ValueError, match=r"dataset=tiny: .*Ways out: put ml\.zip or ratings\.csv into a folder") as error:
        file.obtain("tiny", None, str(tmp_path))
    assert "\n" not in str(error.value)
    assert kept(tmp_path) == []


def test_without_a_checksum_what_is_cached_is_taken(web_server, tmp_path):
    web_server.files = {"train.txt": CONTENT}
    file = PublishedFile(f"{web_server.url}/train.txt", ("train.txt",))
    file.obtain("tiny", None, str(tmp_path)).write_bytes(b"own")
    assert file.obtain("tiny", None, str(tmp_path)).read_bytes() == b"own"


def test_ones_own_file_needs_no_checksum_and_nothing_is_fetched(file, web_server, tmp_path):
    own = tmp_path / "ratings.csv"
    own.write_bytes(b"own")
    assert file.obtain("tiny", str(own), None) == file.obtain("tiny", str(tmp_path), None) == own
    assert web_server.requests == []


@pytest.mark.parametrize(("root", "message"), [("absent", "absent does not exist"), (".", r"holds no ml\.zip, no ratings\.csv")])
def test_nothing_takes_the_place_of_a_root_without_the_file(file, web_server, tmp_path, root, message):
    with pytest.raises(ValueError, match=rf"dataset\.root=.*{message}; dataset\.root=null takes"):
        file.obtain("tiny", str(tmp_path / root), None)
    assert web_server.requests == []


def test_an_address_that_does_not_answer_and_a_cache_that_cannot_be_written(file, web_server, tmp_path):
    web_server.files = {}
    with pytest.raises(ValueError, match=r"dataset=tiny: .*status 404.*or make http.* reachable"):
        file.obtain("tiny", None, str(tmp_path))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match=r"dataset\.cache: cannot write .*choose a folder with dataset\.cache=FOLDER"):
        file.obtain("tiny", None, str(tmp_path / "file"))


def test_other_numbers_than_the_published_ones_end_the_run_unless_the_file_is_ones_own(tmp_path, caplog):
    require_published("tiny", tmp_path, [3, 4, 5], (3, 4, 5), own=False)
    told = r"holds 3 users, 4 items, 6 interactions; published are 3 users, 4 items, 5 interactions"
    with pytest.raises(ValueError, match=rf"dataset=tiny: .*{told}; remove it to fetch it again"):
        require_published("tiny", tmp_path, [3, 4, 6], (3, 4, 5), own=False)
    with caplog.at_level(logging.WARNING):
        require_published("tiny", tmp_path, [3, 4, 6], (3, 4, 5), own=True)
    assert os.linesep not in caplog.messages[0] and "published are" in caplog.messages[0]
