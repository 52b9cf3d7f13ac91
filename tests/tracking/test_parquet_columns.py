"""Tables without pandas, which pandas reads."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fedrec.tracking.parquet_columns import write_columns

BLOCK = {
    "id": np.array([-(2**62), 7], np.int64),
    "text": np.array(["é ☃", None], object),
    "share": np.array([0.1, np.nan]),
    "score": np.array([np.float32(0.1), np.inf], np.float32),
    "told": np.array([True, False]),
}


@pytest.mark.parametrize("n_blocks", [1, 3])
def test_every_kind_of_column_is_read_back_as_it_is(tmp_path: Path, n_blocks: int) -> None:
    write_columns(tmp_path / "x.parquet", iter([BLOCK] * n_blocks))
    table = pd.read_parquet(tmp_path / "x.parquet")
    pd.testing.assert_frame_equal(table, pd.concat([pd.DataFrame(BLOCK)] * n_blocks, ignore_index=True))
    assert table.drop(columns="text").dtypes.map(str).tolist() == ["int64", "float64", "float32", "bool"]


def test_columns_without_rows(tmp_path: Path) -> None:
    write_columns(tmp_path / "x.parquet", [{name: values[:0] for name, values in BLOCK.items()}])
    assert list(pd.read_parquet(tmp_path / "x.parquet")) == list(BLOCK) and pd.read_parquet(tmp_path / "x.parquet").empty


def test_nobody_sees_half_a_file(tmp_path: Path) -> None:
    """An earlier file stays until the new one is whole, and what was written of that one is removed."""
    path = tmp_path / "x.parquet"
    write_columns(path, [BLOCK])
    before = path.read_bytes()

    def blocks() -> Iterator[dict[str, np.ndarray]]:
        yield BLOCK
        assert path.read_bytes() == before and len(list(tmp_path.glob("x.*"))) == 2
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_columns(path, blocks())
    assert path.read_bytes() == before and list(tmp_path.glob("x.*")) == [path]
