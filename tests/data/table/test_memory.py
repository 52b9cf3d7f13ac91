"""What is large is said before it is read, and what cannot fit is refused in one line; a system that does not tell its memory reads all."""

import logging
from pathlib import Path

import pandas as pd
import pytest
import torch

import fedrec
from fedrec.config.build import build
from fedrec.data.table import memory
from fedrec.data.table.memory import require_memory

GB = 10**9


@pytest.fixture
def machine(monkeypatch):
    return lambda free, whole: monkeypatch.setattr(memory, "memory", lambda: (free, whole))


@pytest.mark.parametrize(
    ("free", "n_rows", "told"),
    [
        (16 * GB, 1_000_000, None),
        (2 * GB, 1_000_000, "x has about 1,000,000 rows and needs about 0.7 GB of memory; 2.0 GB are free"),
        (16 * GB, 100_000_000, "x has about 100,000,000 rows and needs about 4.7 GB of memory; 16.0 GB are free"),
        (None, 100_000_000, "x has about 100,000,000 rows and needs about 4.7 GB of memory"),
        (None, 1_000_000, None),
    ],
)
def test_what_is_large_is_said(machine, caplog, free, n_rows, told):
    machine(free, None if free is None else 2 * free)
    with caplog.at_level(logging.INFO):
        require_memory("x", n_rows)
    assert caplog.messages == ([told] if told else [])


def test_what_may_not_fit_is_a_warning_and_what_cannot_is_refused(machine, caplog):
    machine(1 * GB, 4 * GB)
    require_memory("x", 100_000_000)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    with pytest.raises(ValueError, match=r"x has 1,000,000,000 rows, which need 12\.0 GB .* this machine has 4\.0 GB") as error:
        require_memory("x", 1_000_000_000)
    assert "\n" not in str(error.value)
    machine(None, None)
    with pytest.raises(ValueError, match="at most 2,147,483,647 can be counted"):
        require_memory("x", 2**31)


def test_the_system_tells_or_it_does_not(monkeypatch):
    free, whole = memory.memory()
    assert whole is None or whole > 10**8
    assert free is None or (whole is not None and free <= whole)
    monkeypatch.setattr(Path, "read_text", lambda path, encoding: "no numbers here\n")
    monkeypatch.setattr("os.sysconf", lambda name: 1000)
    assert memory.memory() == (None, 1_000_000)
    monkeypatch.delattr("os.sysconf")
    assert memory.memory() == (None, None)


@pytest.mark.parametrize("name", ["x.csv", "x.parquet", "folder"])
def test_a_table_is_refused_before_a_row_is_read(machine, monkeypatch, tmp_path, name):
    rows = pd.DataFrame({"user": range(500), "item": range(500)})
    (tmp_path / "folder").mkdir()
    for part in ("x.csv", "folder/1.csv", "folder/2.csv"):
        rows.to_csv(tmp_path / part, index=False)
    rows.to_parquet(tmp_path / "x.parquet")
    machine(1000, 5000)
    monkeypatch.setattr("fedrec.data.table.gathering.Gathered.read", lambda *arguments: pytest.fail("rows are read"))
    with pytest.raises(ValueError, match=rf"{name} has (50[01]|100[0-2]|1,00[0-2]) rows, which need .* of memory at the very least"):
        build(fedrec.compose("dataset=table", f"dataset.path={tmp_path / name}").dataset).load(torch.Generator())
