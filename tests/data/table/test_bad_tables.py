"""Tables that cannot be read: one line names file, line, column and value. And what may be left out, is counted."""

import gzip
import re

import pandas as pd
import pytest
import torch

import fedrec
from fedrec.config.build import build

HEAD = "user,item,rating,time\n"
GOOD = "".join(f"u{number % 5},i{number % 7},3,{number}\n" for number in range(30))


def load(path, *options):
    return build(fedrec.compose("dataset=table", f"dataset.path={path}", *options).dataset).load(torch.Generator())


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (HEAD + "a,b,3\n", (), "a.csv:2: expected 4 columns, found 3 in 'a,b,3'; dataset.bad_rows=skip leaves such rows out"),
        ('user,item,rating,note\na,b,3,"1\n2"\n\na,b,3,1,5\n', (), "a.csv:5: expected 4 columns, found 5 in 'a,b,3,1,5'"),
        (HEAD + GOOD + ",b,3,1\n", (), "a.csv:32: column user: expected the id of a user, found nothing"),
        (HEAD + "a,  ,3,1\n", (), "a.csv:2: column item: expected the id of an item, found nothing"),
        ('note,user,item,rating\n"y\ny",x,y,1\ny,a,b,good\n', (), "a.csv:4: column rating: expected a number, found 'good'"),
        (HEAD + GOOD + 'a,b,bad,1\na,b,3\n', (), "a.csv:32: column rating: expected a number, found 'bad'"),
        (HEAD + GOOD + 'a,b,3\na,b,bad,1\n', (), "a.csv:32: expected 4 columns, found 3"),
        (HEAD + '"a,b,3,1\na",b,3,1\n', (), "a.csv:2: column user: expected the id of a user, found 'a,b,3,1\\na' (is a quote not closed?"),
        (HEAD + "a,b,nan,1\n", ("dataset.min_rating=1",), "a.csv:2: column rating: expected a number, found 'nan'"),
        (HEAD + "a,b,,1\n" + GOOD, ("dataset.min_rating=1",), "a.csv:2: column rating: expected a number, found nothing"),
        (HEAD + GOOD + "a,b,3,today\n", (), "a.csv:32: column time: expected a number, or a date and time as in ISO 8601"),
        (HEAD + "a,b,3,2014-07-01\na,c,3,5\n", (), "a.csv:3: column time: expected a number, or a date and time as in ISO 8601"),
        (HEAD + "a,b,3,1.7.2014\n", (), "a.csv:2: column time: expected a number, or a date and time"),
        ("", (), "a.csv is empty: expected a table of interactions"),
        ("\n\n", (), "a.csv is empty: expected a table of interactions"),
        (HEAD, (), "no interaction is left of 0 rows"),
        ("one\ntwo\n", (), "none of a tab, ;, |, ,, ::, a space divides the lines into columns; the first is 'one'"),
        ("anna;tisch\nberta;stuhl\n", (), "is its first line 'anna; tisch' a header? Set dataset.header=true or dataset.header=false"),
        ("who,what\n1,2\n", (), "dataset.user: which column holds the users? "),
        ("who,what\n1,2\n", (), "has the columns who, what; set dataset.user=COLUMN"),
        (HEAD + GOOD, ("dataset.user=visitor",), "has no column of this name; its columns are user, item, rating, time"),
        (HEAD + GOOD, ("dataset.user=4",), "dataset.user=4: "),
        (HEAD + GOOD, ("dataset.user=1", "dataset.item=item"), "dataset.user and dataset.item name the same column"),
        ("user,item,user\n1,2,3\n", ("dataset.user=user",), "has several columns of this name"),
        ("1,2\n3,4\n", ("dataset.user=visitor",), "has no column of this name; it has 2 columns without names, so give a position from 0"),
        (HEAD + GOOD, ("dataset.time=false", "dataset.split=cut"), "has no column of times; dataset.time=COLUMN names one"),
        (HEAD + GOOD, ("dataset.rating=false", "dataset.min_rating=1"), "has no column of ratings; dataset.rating=COLUMN names one"),
        (HEAD + GOOD, ("dataset.split=cut", "dataset.order=random"), "dataset.order=random: dataset.split=cut goes by time"),
        (HEAD + GOOD, ("dataset.split=cut", "dataset.cut=2014-07-01"), "dataset.cut=2014-07-01: expected a number, as in the column of"),
        (HEAD + GOOD, ("dataset.encoding=klingon",), "dataset.encoding=klingon is no encoding that Python knows"),
        ("[1, 2]", (), "is one JSON array: expected JSON lines, an object on each line"),
        ('{"user": 1, "item": 2}\n{"user": 1\n', (), "a.csv:2: expected a JSON object, found '{\"user\": 1'"),
        ('{"user": 1, "item": 2}\n\n{"user": 1, "item": [3]}\n', (), "a.csv:3: column item: expected the id of an item, found nothing"),
        ("PAR1 and nothing else", (), "damaged parquet file"),
        ("a\0b\0c\n", (), "holds zero bytes: it is no text, or in an encoding that dataset.encoding=NAME must name"),
    ],
)  # fmt: skip
def test_bad_input_is_named_in_one_line(content, options, words, tmp_path):
    (tmp_path / "a.csv").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(words)) as error:
        load(tmp_path / "a.csv", *options)
    assert "\n" not in str(error.value)


def test_files_that_are_none(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress((HEAD + GOOD).encode())[:60])
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04 and no more")
    for name, words in (
        ("empty", "is a folder without files: expected the parts of a table"),
        ("absent.csv", "does not exist"),
        ("cut.csv.gz", "cut.csv.gz: cannot be read, or is damaged"),
        ("cut.zip", "cannot read .*cut.zip"),
    ):
        with pytest.raises(ValueError, match=words):
            load(tmp_path / name)
    with pytest.raises(ValueError, match=r"dataset.path is missing: dataset=table needs dataset.path=FILE"):
        build(fedrec.compose("dataset=table").dataset).load(torch.Generator())


def test_parts_must_have_the_same_columns(tmp_path):
    (tmp_path / "a.csv").write_text(HEAD + GOOD)
    (tmp_path / "b.csv").write_text("user,item\n1,2\n")
    with pytest.raises(ValueError, match=r"b\.csv has not one column rating as the first part has; its columns are user, item"):
        load(tmp_path)


def test_bad_rows_are_skipped_and_counted(tmp_path, caplog):
    caplog.set_level("INFO")
    bad = "u1,i1\n,i2,3,4\nu3,i3,x,5\nu2,i1,3,\n"
    (tmp_path / "a.csv").write_text(HEAD + GOOD * 20 + bad)
    (tmp_path / "b.csv").write_text(HEAD + GOOD * 20)
    skipped = load(tmp_path / "a.csv", "dataset.bad_rows=skip", "dataset.duplicates=all")
    assert skipped.checksum() == load(tmp_path / "b.csv", "dataset.duplicates=all").checksum()
    assert "4 of 604 rows are skipped (dataset.bad_rows); the first: " in caplog.text and "a.csv:602: expected 4 columns" in caplog.text


def test_more_than_one_percent_of_bad_rows_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text(HEAD + GOOD + "u1,i1\n")
    with pytest.raises(ValueError, match=r"skips 1% of the rows at most, but 1 of 31 are bad; the first: .*a\.csv:32: expected 4 columns"):
        load(tmp_path / "a.csv", "dataset.bad_rows=skip")


def test_the_lines_behind_a_quote_that_nothing_closes_are_counted_too(tmp_path):
    (tmp_path / "a.csv").write_text(HEAD + '"x",i1,3,1\n' + GOOD * 20 + 'u1,"i1,3,4\n' + GOOD)
    with pytest.raises(ValueError, match=r"but 31 of 632 are bad"):
        load(tmp_path / "a.csv", "dataset.bad_rows=skip")


def test_a_data_frame_with_a_missing_value():
    dataset = build(fedrec.compose("dataset=table").dataset)
    dataset.frame = pd.DataFrame({"user": [1, None, 2], "item": ["a", "b", "c"]}, index=["x", "y", "z"])
    with pytest.raises(ValueError, match=r"the DataFrame, row y: column user: expected the id of a user, found nothing"):
        dataset.load(torch.Generator())


def test_lines_inside_of_quotes_are_told(tmp_path, caplog):
    """A quote that is not closed takes lines into its value, and the row may still have the right number of columns."""
    caplog.set_level("INFO")
    rows = [f'u{number % 5},i{number % 7},{number},"good"\n' for number in range(30)]
    (tmp_path / "a.csv").write_text("user,item,time,note\n\n" + "".join(rows))
    load(tmp_path / "a.csv")
    assert "inside of quotes" not in caplog.text
    rows[3] = rows[3].replace('"good"', '"good')
    (tmp_path / "a.csv").write_text("user,item,time,note\n\n" + "".join(rows))
    load(tmp_path / "a.csv")
    assert "a.csv: 1 lines are inside of quotes that an earlier line begins; if that is wrong, a quote is not closed" in caplog.text
