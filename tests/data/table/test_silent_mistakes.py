"""Tables that would give wrong numbers without a word: each is read right, refused in one line, or told."""

import json
import zipfile
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import fedrec
from fedrec.config.build import build
from tests.data.content import rows

LATEST = {"user": [1, 1, 1, 2, 2], "item": list("abcde")}


def dataset(source: Any, *options: str) -> Any:
    path = () if isinstance(source, pd.DataFrame) else (f"dataset.path={source}",)
    found = build(fedrec.compose("dataset=table", *path, *options).dataset)
    found.frame = source if isinstance(source, pd.DataFrame) else None
    return found


def items_of(source: Any, *options: str) -> dict[Any, list[Any]]:
    """Return {user: items} with the test item last."""
    split = dataset(source, *options).load(torch.Generator())
    whole = [train + test for train, test in zip(rows(split.train), rows(split.test), strict=True)]
    return {user: split.item_ids[items].tolist() for user, items in zip(split.user_ids.tolist(), whole, strict=True)}


@pytest.mark.parametrize("times", [[3.0, np.nan, 1.0, 2.0, 1.0], pd.array([3, pd.NA, 1, 2, 1], "Int64")])
@pytest.mark.parametrize("as_parquet", [False, True])
def test_a_missing_time_is_a_bad_row(times, as_parquet, tmp_path):
    source = pd.DataFrame({**LATEST, "time": times})
    if as_parquet:
        source.to_parquet(tmp_path / "a.parquet")
        source = tmp_path / "a.parquet"
    with pytest.raises(ValueError, match=r"row [12]: column time: expected a number, or a date .*, found (nothing|'nan')"):
        items_of(source)


def test_a_missing_time_in_json_is_a_bad_row(tmp_path):
    lines = [{"user": 1, "item": item, "timestamp": time} for item, time in zip("abcd", (3, None, 1, 2), strict=True)]
    del lines[3]["timestamp"]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(ValueError, match=r"a\.jsonl:2: column timestamp: .* found nothing"):
        items_of(tmp_path / "a.jsonl")


def test_the_first_object_may_lack_a_key(tmp_path):
    lines = [{"user": 1, "item": "a"}, *({"user": 1, "item": item, "timestamp": 1} for item in "bcd")]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(ValueError, match=r"a\.jsonl:1: column timestamp: .* found nothing"):
        items_of(tmp_path / "a.jsonl")


def test_nanoseconds_stay_exact_beside_a_bad_row(tmp_path):
    times = [f"14041728001234567{last}" for last in (89, 88, 87)]
    good = "".join(f"{user},i{place},{time}\n" for user in range(50) for place, time in enumerate(times))
    (tmp_path / "a.csv").write_text("user,item,time\n" + good + "1,z,\n")
    assert items_of(tmp_path / "a.csv", "dataset.bad_rows=skip")[0] == ["i2", "i1", "i0"]


def test_later_parts_have_the_columns_of_the_first_by_name(tmp_path):
    (tmp_path / "a.csv").write_text("user,item,time\n1,10,1\n1,11,2\n")
    (tmp_path / "b.csv").write_text("item,user,time\n12,1,3\n")
    for options in ((), ("dataset.user=0", "dataset.item=1")):
        assert items_of(tmp_path, *options) == {1: [10, 11, 12]}
    (tmp_path / "b.csv").write_text("12,1,3\n")
    with pytest.raises(ValueError, match=r"b\.csv has no header, but the first part has one"):
        items_of(tmp_path)


def test_a_later_part_does_not_guess_anew(tmp_path):
    (tmp_path / "a.csv").write_text("customer,sku\n1,10\n1,11\n")
    (tmp_path / "b.csv").write_text("user,customer,sku\n7,1,12\n")
    assert items_of(tmp_path) == {1: [10, 11, 12]}


def test_parts_are_in_order_of_their_numbers_and_are_told(tmp_path, caplog):
    caplog.set_level("INFO")
    for number in (1, 2, 10):
        (tmp_path / f"part-{number}.csv").write_text(f"user,item\n1,x{number}\n")
    (tmp_path / "more.tab").write_text("user\titem\n1\ty\n")
    (tmp_path / "year=2014").mkdir()
    assert items_of(tmp_path) == {1: ["x1", "x2", "x10"]}
    assert "3 parts are read, " in caplog.text and "left out of " in caplog.text and "more.tab, year=2014" in caplog.text


def test_a_readme_in_an_archive_is_no_part(tmp_path, caplog):
    caplog.set_level("INFO")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("data/README.md", "user item\nsee ratings\n")
        archive.writestr("data/ratings.csv", "user,item\n1,10\n1,11\n")
    assert items_of(tmp_path / "a.zip") == {1: [10, 11]}
    assert "data/README.md" in caplog.text


def test_ids_that_pandas_made_floats_are_whole_numbers():
    found = items_of(pd.DataFrame({"user": [42.0, 42.0, 7.0, 7.0], "item": [1, 2, 3, 4]}))
    assert found == {42: [1, 2], 7: [3, 4]}


@pytest.mark.parametrize(
    "ids", [[1.5, 1.7, 1.2, 2], [1.0, 2.0, 2.5, 2.7], [1234567890123456789.0, 1234567890123456788.0, 1, 1], [1e19, 1, 1, 1]]
)
def test_ids_that_are_fractions_or_lost_digits_are_refused(ids):
    with pytest.raises(ValueError, match="the DataFrame: column user: ids are fractions, or numbers too long for floating point"):
        items_of(pd.DataFrame({"user": ids, "item": [1, 2, 3, 4]}))


def test_a_nan_among_ids_is_a_bad_row(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"user": pa.array([42, float("nan"), 42, 7, 7]), "item": [1, 2, 3, 4, 5]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"row 2: column user: expected the id of a user, found 'nan'"):
        items_of(tmp_path / "a.parquet")


def test_the_same_id_is_written_in_the_same_way(tmp_path):
    lines = [{"user": user, "item": item} for user, item in ((42.0, 1), (42, 2), ("42", 3))]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert items_of(tmp_path / "a.jsonl") == {42: [1, 2, 3]}
    assert items_of(pd.DataFrame({"user": [42.0, 42, "42", "a", "a", pd.NA][:5], "item": [1, 2, 3, 4, 5]}))["42"] == [1, 2, 3]


@pytest.mark.parametrize("column", [[[1], [2]], [pd.NA, "a"]])
def test_ids_of_strange_kinds_end_in_one_line(column):
    with pytest.raises(ValueError, match=r"column user: "):
        items_of(pd.DataFrame({"user": pd.Series(column, dtype=object), "item": [1, 2]}))


def test_a_comma_before_three_digits_is_no_decimal_comma(tmp_path):
    (tmp_path / "a.csv").write_text('user,item,rating\n1,2,"1,5"\n1,3,"1,200"\n')
    with pytest.raises(ValueError, match=r"a\.csv:3: column rating: expected a number, found '1,200'"):
        items_of(tmp_path / "a.csv", "dataset.min_rating=1")


def test_a_cut_is_read_as_the_times_are():
    days = ["01.01.2014", "05.01.2014", "01.02.2014", "05.02.2014"]
    table = pd.DataFrame({"user": [1, 1, 1, 1], "item": list("abcd"), "time": days})
    form = ("dataset.time_format='%d.%m.%Y'", "dataset.split=cut")
    split = dataset(table, *form, "dataset.cut='01.02.2014'").load(torch.Generator())
    assert rows(split.test) == [[2, 3]]
    table["time"] = ["2014-01-01", "2014-01-05", "2014-02-01", "2014-02-05"]
    for cut in ("2014-02-01", "2014-02-01T00:00Z", "2014-02-01T02:00+02:00"):
        assert rows(dataset(table, "dataset.split=cut", f"dataset.cut='{cut}'").load(torch.Generator()).test) == [[2, 3]]
    for cut in ("01/02/2014", "today", "Feb", "12:00"):
        with pytest.raises(ValueError, match=r"dataset\.cut=.*: expected a date as in ISO 8601"):
            dataset(table, "dataset.split=cut", f"dataset.cut='{cut}'").load(torch.Generator())
    with pytest.raises(ValueError, match=r"because no interaction comes at dataset\.cut=2015-01-01 or later"):
        dataset(table, "dataset.split=cut", "dataset.cut=2015-01-01").load(torch.Generator())


def test_what_looks_like_a_mistake_is_told(caplog):
    caplog.set_level("INFO")
    table = {"user": ["NULL", "NULL", "a", "a"], "item": list("bcde"), "time": [1404172800, 1404172800000, 1404172801, 1404172802]}
    items_of(pd.DataFrame(table))
    assert "the user id NULL is that of 2 rows; does it stand for a missing one?" in caplog.text
    assert "are some of them in seconds, and others in milliseconds?" in caplog.text


def test_test_items_that_nobody_trains_on_are_told(caplog):
    caplog.set_level("INFO")
    items_of(pd.DataFrame({"user": [1, 1, 2, 2, 3, 3], "item": list("abacbd")}))
    assert "2 of 3 test items are of items that nobody trains on" in caplog.text


def test_nanoseconds_are_no_mistake(caplog):
    caplog.set_level("INFO")
    items_of(pd.DataFrame({"user": [1, 1], "item": [2, 3], "time": [1404172800000000000, 1404172800000000001]}))
    assert "seconds" not in caplog.text


@pytest.mark.parametrize("header", ["user,user,item", "user,User,item"])
def test_of_two_columns_with_one_name_none_is_guessed(header, tmp_path):
    (tmp_path / "a.csv").write_text(f"{header}\n1,2,3\n1,2,4\n")
    with pytest.raises(ValueError, match=r"dataset\.user: .*a\.csv has several columns called user; set dataset\.user to a position"):
        items_of(tmp_path / "a.csv")


def test_columns_without_names(tmp_path):
    (tmp_path / "a.tsv").write_text("1\t10\t20140103\n1\t11\t20140102\n")
    assert items_of(tmp_path / "a.tsv") == {1: [11, 10]}
    (tmp_path / "a.tsv").write_text("1\t10\t3\t100\n1\t11\t4\t99\n")
    assert items_of(tmp_path / "a.tsv") == {1: [11, 10]}


def test_a_separator_as_one_types_it(tmp_path):
    (tmp_path / "a.tsv").write_text("user\titem\n1\t10\n1\t11\n")
    assert items_of(tmp_path / "a.tsv", "dataset.separator='\\t'") == {1: [10, 11]}
    with pytest.raises(ValueError, match=r"dataset\.separator=';' does not occur in .*a\.tsv; its first line is"):
        items_of(tmp_path / "a.tsv", "dataset.separator=';'")


def test_the_first_row_may_lack_a_rating(tmp_path):
    (tmp_path / "a.csv").write_text("u1,i1,\nu1,i2,5\n")
    assert items_of(tmp_path / "a.csv", "dataset.user=0", "dataset.item=1") == {"u1": ["i1", "i2"]}


def test_a_byte_order_mark_beside_a_given_encoding(tmp_path):
    (tmp_path / "a.csv").write_bytes("user,item\n1,2\n1,3\n".encode("utf-8-sig"))
    assert items_of(tmp_path / "a.csv", "dataset.encoding=utf-8", "dataset.user=user") == {1: [2, 3]}


def test_the_date_counts_before_the_time_of_the_day(tmp_path):
    (tmp_path / "a.csv").write_text("user,item,date,time\n1,a,20140701,1230\n1,b,20140702,900\n1,c,20140703,800\n")
    assert items_of(tmp_path / "a.csv") == {1: ["a", "b", "c"]}


def test_true_is_no_time():
    with pytest.raises(ValueError, match=r"the DataFrame, row 0: column time: expected a number, or a date .* found 'True'"):
        items_of(pd.DataFrame({"user": [1, 1], "item": [2, 3], "time": [True, False]}))
