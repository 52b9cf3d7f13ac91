"""Which item and which user each number stands for: the files that a run leaves, and ids in messages."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fedrec.tracking import id_maps
from fedrec.tracking.id_maps import for_mlflow, in_words, write_id_maps
from tests.tracking.runs import N_ITEMS, info, left_in

TEXTS = np.array(["", "007", "é \u2603", "a\nb", "x" * 10**5, *(str(10**19 + number) for number in range(N_ITEMS - 5))], object)


@pytest.mark.parametrize("ids", [np.arange(N_ITEMS) * -(10**17), np.arange(N_ITEMS, dtype=np.int32)[::-1], TEXTS])
def test_ids_of_any_kind_are_read_back_as_they_are(tmp_path: Path, ids: np.ndarray) -> None:
    told = replace(info(tmp_path), item_ids=ids)
    write_id_maps(told)
    items = pd.read_parquet(tmp_path / "items.parquet")
    assert list(items) == ["number", "item", "title", "interactions", "popularity_rank"]
    assert items["number"].tolist() == list(range(N_ITEMS))
    assert items["item"].tolist() == ids.tolist()
    assert [None if pd.isna(title) else title for title in items["title"]] == told.item_titles.tolist()  # type: ignore[union-attr]
    assert items["interactions"].tolist() == told.popularity.tolist()
    assert items["popularity_rank"].tolist() == told.popularity_ranks.tolist()
    users = pd.read_parquet(tmp_path / "users.parquet")
    assert list(users) == ["number", "user", "interactions"]
    assert users["user"].tolist() == told.user_ids.tolist() and users["interactions"].tolist() == [10] * 9
    assert not left_in(tmp_path) - {"mlflow.db"}


def test_without_titles_there_is_no_column_of_titles(tmp_path: Path) -> None:
    write_id_maps(replace(info(tmp_path), item_titles=None))
    assert list(pd.read_parquet(tmp_path / "items.parquet")) == ["number", "item", "interactions", "popularity_rank"]


@pytest.mark.parametrize("strange", [7, 1.5, b"x", "\ud800"])
def test_a_name_that_is_no_text_ends_the_run_with_a_line(tmp_path: Path, strange: object) -> None:
    ids = np.array([strange, *TEXTS[1:]], object)
    with pytest.raises(ValueError, match="the data set must name each item by a whole number or by text in UTF-8: "):
        write_id_maps(replace(info(tmp_path), item_ids=ids))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    told = info(tmp_path)
    (tmp_path / "users.parquet").unlink()
    (tmp_path / "users.parquet").mkdir()
    with pytest.raises(ValueError, match=r"users\.parquet: Is a directory"):
        write_id_maps(told)
    assert not list(tmp_path.glob("*.part"))


def test_mlflow_gets_no_map_of_very_many_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert for_mlflow(info(tmp_path)) == ["items.parquet", "users.parquet"]
    monkeypatch.setattr(id_maps, "MOST_USERS", 8)
    assert for_mlflow(info(tmp_path)) == ["items.parquet"]


def test_ids_in_words_are_one_line_that_can_be_typed_again() -> None:
    titles = ["Amélie (2001)", None, "\x1b[31mred\n", None, None]
    said = in_words([50, "B-1.2:x", "a, b", 'say "7"', "two\nlines"], titles)
    assert said == '50 (Amélie (2001)), B-1.2:x, "a, b" (?[31mred?), "say \\"7\\"", "two\\nlines"'


def test_maps_are_written_without_pandas_and_named_without_torch() -> None:
    program = f"""
import sys
from pathlib import Path
import numpy as np
from fedrec.tracking.id_maps import _write
_write(Path({str(Path("x.parquet"))!r}), {{"item": np.arange(3), "title": np.array(["a", None, "b"], object)}})
print({{"pandas", "torch"}} & set(sys.modules), Path("x.parquet").exists())
"""
    environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert answer.stdout.strip() == "set() True"
