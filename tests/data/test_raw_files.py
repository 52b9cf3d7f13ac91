"""Numbers with their lines, archives, and what is said of bad input."""

import gzip
import zipfile
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedrec.data.raw_files import RawFile, numbered, read_numbers
from tests.data.content import zipped

MOST = 10_000  # bytes


def read(content: bytes):
    return read_numbers(RawFile("FILE", content), b":", "numbers")


@given(
    st.lists(st.lists(st.integers(0, 10**18 - 1), max_size=5), min_size=1, max_size=20).filter(any),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([" ", "\t", "::", "  "]),
    st.booleans(),
)
def test_numbers_and_lines_equal_a_plain_loop(table, line_end, separator, final_line_end):
    text = line_end.join(separator.join(map(str, row)) for row in table) + line_end * final_line_end
    numbers, lines = read(text.encode())
    assert numbers.tolist() == [value for row in table for value in row]
    assert lines.tolist() == [line for line, row in enumerate(table, 1) for _ in row]


@pytest.mark.parametrize(
    ("content", "line", "found"),
    [
        (b"1 2\n3 x\n", 2, "3 x"),
        (b"1 2\r\n\r\n3 -4\r\n5 y", 3, "3 -4"),
        (b"user item\n1 2\n", 1, "user item"),
        (b"1 2\n3 4.5\n", 2, "3 4.5"),
        (b"1 2\n3 \xff\n", 2, "3 \N{REPLACEMENT CHARACTER}"),
    ],
)
def test_first_malformed_line_is_named(content, line, found):
    with pytest.raises(ValueError, match="expected numbers, found") as error:
        read(content)
    assert str(error.value) == f"FILE:{line}: expected numbers, found {found!r}"


def test_a_number_that_is_too_long_is_named_though_a_later_line_is_malformed():
    with pytest.raises(ValueError, match=r"^FILE:2: expected numbers of at most 18 digits, found '1234567890123456789 4'$"):
        read(b"1 2\n1234567890123456789 4\n9 x")


@pytest.mark.parametrize("content", [b"", b"\n\n", b" \r\n"])
def test_no_numbers_is_an_error(content):
    with pytest.raises(ValueError, match=r"FILE: expected lines of numbers, found none"):
        read(content)


def test_unpacked_finds_the_file_in_an_archive_wherever_it_lies():
    assert RawFile("FILE", b"1 2").unpacked("u.data", MOST) == RawFile("FILE", b"1 2")
    assert RawFile("FILE", gzip.compress(b"1 2")).unpacked("u.data", MOST) == RawFile("FILE", b"1 2")
    archive = zipped({"ml/README": b"", "ml/u.data": b"1 2"})
    assert RawFile("FILE", archive).unpacked("u.data", MOST) == RawFile("FILE/ml/u.data", b"1 2")


@pytest.mark.parametrize(  # ids, since an archive holds the time of its making
    "content",
    [zipped({"u.data": b"1" * 999})[:40], gzip.compress(b"12345")[:-5], gzip.compress(b"1")[:-8] + b"12345678"],
    ids=["zip cut short", "gzip cut short", "gzip with a wrong checksum"],
)
def test_damaged_archive_is_an_error(content):
    with pytest.raises(ValueError, match="FILE: damaged archive"):
        RawFile("FILE", content).unpacked("u.data", MOST)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, None])
def test_an_archive_damaged_anywhere_is_an_error_or_whole(method):
    """None: gzip. What an archive raises depends on where it is damaged."""
    random, text, complaints = Random(0), b"1 2 3 4\n" * 50, []
    whole = gzip.compress(text) if method is None else zipped({"u.data": text}, method)
    for _ in range(500):
        damaged = bytearray(whole)
        damaged[random.randrange(4, len(whole))] = random.randrange(256)
        try:
            assert RawFile("FILE", bytes(damaged)).unpacked("u.data", MOST).content == text
        except ValueError as error:
            complaints.append(str(error))
    assert complaints
    assert all(one.startswith(("FILE: damaged archive (", "FILE: expected u.data in this archive, found ")) for one in complaints)


@pytest.mark.parametrize("pack", [gzip.compress, lambda content: zipped({"u.data": content}, zipfile.ZIP_DEFLATED)], ids=["gzip", "zip"])
@pytest.mark.parametrize(("size", "fits"), [(MOST, True), (MOST + 1, False), (1 << 28, False)])
def test_an_archive_that_unpacks_to_more_than_may_be_is_not_unpacked(pack, size, fits):
    """A small file that would fill the memory, for instance."""
    raw = RawFile("FILE", pack(bytes(size)))
    if fits:
        assert len(raw.unpacked("u.data", MOST).content) == size
    else:
        with pytest.raises(ValueError, match=r"^FILE.* unpacks to more than 10,000 bytes, the most that is read"):
            raw.unpacked("u.data", MOST)


def test_archive_without_the_file_is_an_error():
    with pytest.raises(ValueError, match=r"FILE: expected u\.data in this archive, found other\.txt"):
        RawFile("FILE", zipped({"other.txt": b"1"})).unpacked("u.data", MOST)


@given(st.lists(st.sampled_from(["b", "a", "d", "c"])))
def test_numbered_by_first_appearance(raw):
    ids, raw_ids = numbered(np.array(raw, dtype=str))
    assert raw_ids.tolist() == list(dict.fromkeys(raw))
    assert raw_ids[ids].tolist() == raw
