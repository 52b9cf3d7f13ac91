"""Raw files come from dataset.root, else the cache, else a fetch; only whole files count, and one clear error says that nothing works."""

import hashlib
import logging
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
def test_own_file_comes_first_and_needs_no_checksum(source, cache, web_server, tmp_path, place):
    obtain(source, None, cache)
    path = tmp_path / "own" / place
    path.parent.mkdir(parents=True)
    path.write_bytes(OWN)
    if path.suffix == ".zip":
        path.write_bytes(zipped({"some/folder/u.data": OWN}))
    assert obtain(source, str(path), cache).content == OWN  # the file itself
    expected = CONTENT if place == "deep.zip" else OWN  # a name nobody looks for
    assert obtain(source, str(tmp_path / "own"), cache).content == expected
    assert len(web_server.requests) == 1


@pytest.mark.parametrize("root", ["absent", "."])
def test_root_without_the_file_is_said_and_passed_over(source, cache, tmp_path, root, caplog):
    assert obtain(source, str(tmp_path / root), cache).content == CONTENT
    assert "holds neither u.data nor ml/u.data nor ml.zip; looking elsewhere" in caplog.text


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
