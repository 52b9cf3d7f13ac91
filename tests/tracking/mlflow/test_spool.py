import math
import time
from pathlib import Path

import numpy as np
import pytest

from fedrec.tracking.mlflow import spool as spool_module
from fedrec.tracking.mlflow.spool import Spool
from fedrec.tracking.mlflow.spool_reader import Row, SpoolReader
from tests.tracking.runs import wait_until

RANKS = np.arange(1, 6)


def values(rows: list[Row]) -> list[tuple[int, str, float]]:
    return [(row.round, row.metric, row.value) for row in rows]


def test_rows_arrive_while_the_run_goes_on(tmp_path: Path) -> None:
    spool = Spool(tmp_path, RANKS)
    reader = SpoolReader(spool.folder)
    before = time.time() * 1000
    spool.add(1, {"loss": 0.1, "ER@10": 1 / 3, "odd,name": np.float32(0.5)})
    wait_until(lambda: len(reader.rows(0, 100)[0]) == 3)
    rows, position = reader.rows(0, 100)
    assert values(rows) == [(1, "loss", 0.1), (1, "ER@10", 1 / 3), (1, "odd,name", 0.5)]
    assert before - 1 <= rows[0].timestamp <= time.time() * 1000 + 1
    assert reader.rows(position, 100) == ([], position)
    spool.add(2, {"loss": math.nan, "other": math.inf})
    spool.close()
    rows, _ = reader.rows(position, 100)
    assert math.isnan(rows[0].value)
    assert rows[1].value == math.inf


def test_what_is_not_a_number_costs_no_other_metric(tmp_path: Path) -> None:
    spool = Spool(tmp_path, RANKS)
    spool.add(1, {"loss": 0.5})
    with pytest.raises(ValueError, match="could not convert"):
        spool.add(2, {"loss": "many"})
    spool.close()
    assert values(SpoolReader(spool.folder).rows(0, 9)[0]) == [(1, "loss", 0.5)]


def test_rows_in_portions_are_all_rows(tmp_path: Path) -> None:
    spool = Spool(tmp_path, RANKS)
    for round in range(500):
        spool.add(round, {"loss": round, "epoch": 1})
    spool.close()
    reader, position, rows = SpoolReader(spool.folder), 0, []
    while portion := reader.rows(position, 7)[0]:
        position = reader.rows(position, 7)[1]
        rows += portion
    assert values(rows) == [(round, name, value) for round in range(500) for name, value in (("loss", round), ("epoch", 1))]


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    spool = Spool(tmp_path, RANKS)
    spool.close()
    with (spool.folder / "metrics.csv").open("ab") as file:
        file.write(b"1,loss,0.5,10\n2,los")
    rows, _ = SpoolReader(spool.folder).rows(0, 10)
    assert rows == [Row(1, "loss", 0.5, 10)]


def test_snapshots_and_tables(tmp_path: Path) -> None:
    spool = Spool(tmp_path, RANKS)
    spool.add_snapshot(12, np.arange(5, dtype=np.float32))
    spool.close()
    reader = SpoolReader(spool.folder)
    ((round, path),) = reader.snapshots()
    assert round == 12
    assert np.load(path).tolist() == [0, 1, 2, 3, 4]
    reader.keep_as_tables()
    assert [path.name for path in (spool.folder / "delta_norm").iterdir()] == ["round_0012.parquet"]


def test_what_an_earlier_run_left_is_kept(tmp_path: Path) -> None:
    first, second = Spool(tmp_path, RANKS), Spool(tmp_path, RANKS)
    first.close()
    second.close()
    assert (first.folder.name, second.folder.name) == ("tracking", "tracking_2")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_is_survived_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "_MOST_BYTES", 10_000)
    spool = Spool(tmp_path, RANKS)
    good = spool._file
    spool._file = Path("/dev/full").open("ab", buffering=0)  # noqa: SIM115
    spool.add(1, {"loss": 0.5})
    wait_until(lambda: spool.error is not None)
    assert not spool.dropped
    for round in range(2, 1000):
        spool.add(round, {"loss": 0.5})
    wait_until(lambda: spool.dropped and not spool._added and len(spool._unwritten) <= 10_000)
    spool._file = good
    spool.close()
    rows, _ = SpoolReader(spool.folder).rows(0, 5000)
    assert 200 < len(rows) < 400
    assert [row.round for row in rows] == list(range(1, len(rows) + 1))
