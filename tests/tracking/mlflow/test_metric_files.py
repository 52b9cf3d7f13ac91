import math
import time
from pathlib import Path

import numpy as np
import pytest

from fedrec.tracking.id_maps import for_mlflow
from fedrec.tracking.mlflow import metric_files
from fedrec.tracking.mlflow.metric_files import MetricFiles, MetricFilesReader, Row
from tests.tracking.runs import info, wait_until


def metric_files_of(folder: Path) -> MetricFiles:
    return MetricFiles(folder, for_mlflow(info(folder)), {"public_uri": "sqlite:///mlflow.db"})


def values(rows: list[Row]) -> list[tuple[int, str, float]]:
    return [(row.round, row.metric, row.value) for row in rows]


def test_rows_arrive_while_the_run_goes_on(tmp_path: Path) -> None:
    files = metric_files_of(tmp_path)
    reader = MetricFilesReader(files.folder)
    before = time.time() * 1000
    files.add(1, {"loss": 0.1, "ER@10": 1 / 3, "odd,name": np.float32(0.5)})
    wait_until(lambda: len(reader.rows(0, 100)[0]) == 3)
    rows, position = reader.rows(0, 100)
    assert values(rows) == [(1, "loss", 0.1), (1, "ER@10", 1 / 3), (1, "odd,name", 0.5)]
    assert before - 1 <= rows[0].timestamp <= time.time() * 1000 + 1
    assert reader.rows(position, 100) == ([], position)
    files.add(2, {"loss": math.nan, "other": math.inf})
    files.close()
    rows, _ = reader.rows(position, 100)
    assert math.isnan(rows[0].value)
    assert rows[1].value == math.inf


def test_what_is_not_a_number_costs_no_other_metric(tmp_path: Path) -> None:
    files = metric_files_of(tmp_path)
    files.add(1, {"loss": 0.5})
    with pytest.raises(ValueError, match="could not convert"):
        files.add(2, {"loss": "many"})
    files.close()
    assert values(MetricFilesReader(files.folder).rows(0, 9)[0]) == [(1, "loss", 0.5)]


def test_rows_in_portions_are_all_rows(tmp_path: Path) -> None:
    files = metric_files_of(tmp_path)
    for round in range(500):
        files.add(round, {"loss": round, "epoch": 1})
    files.close()
    reader, position, rows = MetricFilesReader(files.folder), 0, []
    while portion := reader.rows(position, 7)[0]:
        position = reader.rows(position, 7)[1]
        rows += portion
    assert values(rows) == [(round, name, value) for round in range(500) for name, value in (("loss", round), ("epoch", 1))]


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    files = metric_files_of(tmp_path)
    files.close()
    with (files.folder / "metrics.csv").open("ab") as file:
        file.write(b"1,loss,0.5,10\n2,los")
    rows, _ = MetricFilesReader(files.folder).rows(0, 10)
    assert rows == [Row(1, "loss", 0.5, 10)]


def test_snapshots(tmp_path: Path) -> None:
    files = metric_files_of(tmp_path)
    files.add_snapshot(12, np.arange(5, dtype=np.float32))
    files.close()
    reader = MetricFilesReader(files.folder)
    ((round, values),) = reader.snapshots()
    assert round == 12
    assert values.tolist() == [0, 1, 2, 3, 4]


def test_what_an_earlier_run_left_is_kept(tmp_path: Path) -> None:
    first, second = metric_files_of(tmp_path), metric_files_of(tmp_path)
    first.close()
    second.close()
    assert (first.folder.name, second.folder.name) == ("tracking", "tracking_2")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_is_survived_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric_files, "_MOST_BYTES", 10_000)
    files = metric_files_of(tmp_path)
    good = files._file
    files._file = Path("/dev/full").open("ab", buffering=0)  # noqa: SIM115
    files.add(1, {"loss": 0.5})
    wait_until(lambda: files.error is not None)
    assert not files.dropped
    for round in range(2, 1000):
        files.add(round, {"loss": 0.5})
    wait_until(lambda: files.dropped and not files._added and len(files._unwritten) <= 10_000)
    files._file = good
    files.close()
    rows, _ = MetricFilesReader(files.folder).rows(0, 5000)
    assert 200 < len(rows) < 400
    assert [row.round for row in rows] == list(range(1, len(rows) + 1))
