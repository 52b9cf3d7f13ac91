"""Raw files come from dataset.root if it is given, else from the cache or a fetch; only whole files count, and one line says what fails."""

import gzip
import hashlib
import logging
import os
import sys
from dataclasses import dataclass, replace

import pytest

from fedrec.data.downloading import Address
from fedrec.data.obtaining import Source, obtain
from tests.data.content import zipped

CONTENT, OWN = b"1\t2\t3\t4\n" * 1000, b"9\t9\t9\t9\n"


@pytest.fixture
def source(web_server):
    web_server.files = {"u.data": CONTENT}
    return Source(
        dataset="tiny",
        raw="u.data",
        found_as=("u.data", "ml/u.data", "ml.zip"),
        cached_as="ml/u.data",
        most_bytes=10 * len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        ways=(Address(f"{web_server.url}/u.data"),),
    )


@pytest.fixture
def cache(tmp_path):
    return str(tmp_path / "cache")


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_fetched_once_then_cached(source, cache, web_server, tmp_path):
    for _ in range(2):
        raw = obtain(source, None, cache)
        assert (raw.path, raw.content) == (f"{cache}/ml/u.data", CONTENT)
    assert len(web_server.requests) == 1
    assert files(tmp_path) == [tmp_path / "cache/ml/u.data"]


@pytest.mark.parametrize("damaged", [CONTENT[:100], b"", b"2" + CONTENT[1:]], ids=["half-written", "empty", "altered"])
def test_damaged_cache_is_noticed_and_fetched_again(source, cache, web_server, tmp_path, damaged, caplog):
    obtain(source, None, cache)
    (tmp_path / "cache/ml/u.data").write_bytes(damaged)
    assert obtain(source, None, cache).content == CONTENT
    assert (tmp_path / "cache/ml/u.data").read_bytes() == CONTENT
    assert len(web_server.requests) == 2
    assert "is damaged or altered" in caplog.text


@pytest.mark.parametrize("cut_short", [True, False])
def test_damaged_download_never_reaches_the_cache(source, cache, web_server, tmp_path, cut_short):
    web_server.cut_short = cut_short
    web_server.files = {"u.data": CONTENT + b"altered"}
    with pytest.raises(ValueError, match="dataset=tiny: "):
        obtain(source, None, cache)
    assert files(tmp_path) == []


def test_interrupted_fetch_leaves_nothing(source, cache, tmp_path):
    @dataclass
    class Interrupted:
        advice: str = ""

        def fetch(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        obtain(replace(source, ways=(Interrupted(),)), None, cache)
    assert files(tmp_path) == []


@pytest.mark.parametrize("place", ["u.data", "ml/u.data", "ml.zip", "deep.zip"])
def test_own_file_is_the_only_one_and_needs_no_checksum(source, cache, web_server, tmp_path, place):
    path = tmp_path / "own" / place
    path.parent.mkdir(parents=True)
    path.write_bytes(OWN)
    if path.suffix == ".zip":
        path.write_bytes(zipped({"some/folder/u.data": OWN}))
    assert obtain(source, str(path), cache).content == OWN  # the file itself
    if place != "deep.zip":  # a name nobody looks for
        assert obtain(source, str(tmp_path / "own"), cache).content == OWN
    assert web_server.requests == []


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ("absent", r"absent does not exist; dataset\.root=null takes the cache, or downloads"),
        ("absent/u.data", r"absent/u\.data does not exist; dataset\.root=null takes"),
        (".", r"holds no u\.data, no ml/u\.data, no ml\.zip and no split \(train\.txt and test\.txt\); dataset\.root=null takes"),
        ("pipe", r"pipe is no regular file"),
        ("~nobody_of_this_name", "there is no home folder of this name"),
    ],
)
def test_nothing_takes_the_place_of_a_root_without_the_file(source, cache, web_server, tmp_path, root, message):
    """Neither the cache, which holds the file, nor a download."""
    obtain(source, None, cache)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match=rf"dataset\.root.*{message}") as error:
        obtain(source, root if root.startswith("~") else str(tmp_path / root), cache)
    assert "\n" not in str(error.value)
    assert len(web_server.requests) == 1


def test_a_file_that_is_too_long_is_not_read(source, cache, tmp_path):
    (tmp_path / "u.data").write_bytes(CONTENT * 11)
    with pytest.raises(ValueError, match=r"dataset\.root: .*u\.data is longer than 80,000 bytes, the most that is read"):
        obtain(source, str(tmp_path), cache)
    (tmp_path / "u.data").write_bytes(gzip.compress(CONTENT * 11))
    with pytest.raises(ValueError, match=r"u\.data unpacks to more than 80,000 bytes, the most that is read"):
        obtain(source, str(tmp_path), cache)


def test_next_way_when_the_first_fails(source, cache, web_server):
    ways = (Address("http://127.0.0.1:1/u.data"), *source.ways)
    assert obtain(replace(source, ways=ways), None, cache).content == CONTENT


def test_one_error_names_the_ways_out(source, cache, web_server):
    web_server.files = {}
    with pytest.raises(ValueError, match=r"dataset\.root=FOLDER") as error:
        obtain(source, None, cache)
    message = str(error.value)
    assert "\n" not in message
    for part in ("dataset=tiny", "status 404", "put u.data or ml/u.data or ml.zip", f"make {web_server.url}/u.data reachable", "synthetic"):
        assert part in message


def test_cache_that_cannot_be_written(source, web_server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match=r"dataset\.cache: cannot write .*choose a folder with dataset\.cache=FOLDER") as error:
        obtain(source, None, str(tmp_path / "file" / "cache"))
    assert "\n" not in str(error.value)
    assert web_server.requests == []


@pytest.mark.parametrize("accepted", [True, False])
def test_another_checksum_may_be_accepted_for_its_content(source, cache, web_server, accepted, caplog):
    web_server.files = {"u.data": OWN}
    advisory = replace(source, accepts=lambda file: accepted)
    if accepted:
        with caplog.at_level(logging.WARNING):
            assert [obtain(advisory, None, cache).content for _ in range(2)] == [OWN, OWN]
        assert "so it is used" in caplog.text
        assert len(web_server.requests) == 1
    else:
        with pytest.raises(ValueError, match="is damaged or altered"):
            obtain(advisory, None, cache)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no environment variable moves the cache folder")
def test_the_users_own_cache_folder_is_the_default(source, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    obtain(source, None, None)
    assert files(tmp_path) == [tmp_path / "home/fedrec/ml/u.data"]
