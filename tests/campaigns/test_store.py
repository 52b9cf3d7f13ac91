"""The store of a campaign: results by key, and the cells that they stand for."""

import json
import pickle
from dataclasses import replace

import pandas as pd
import pytest

from fedrec.campaigns.cells import Cell
from fedrec.campaigns.store import CELL, COLUMNS, RESULT, Store, attributes, cell_of, read_table
from fedrec.config.validation import ConfigError

RESULTS = {"best": {"ER@10": 0.5, "HR@10": 0.6}, "seconds": {"total": 2.0}}


def cell(seed: int = 0, dataset: str = "ml100k", setting: str = "s") -> Cell:
    return Cell("paper/table8", (f"dataset={dataset}",), dataset, seed, setting, "code", f"{dataset}-{setting}-{seed}")


@pytest.fixture
def store(tmp_path):
    return Store(f"sqlite:///{tmp_path}/study.db", "paper")


def measured(store: Store, *cells: Cell) -> None:
    """Store a result for each cell, as a worker does."""
    store.study.queue([attributes(one) for one in cells])
    for _ in cells:
        trial = store.study.claim()
        trial.set_user_attr(RESULT, {**RESULTS, "of": cell_of(trial.user_attrs[CELL]).title})
        store.study.tell(trial, [0.5])


def test_a_table_has_the_cells_that_were_asked_for_and_measured(store):
    store.remember([cell(0), cell(1)])
    measured(store, cell(0), cell(7))
    table = store.table(["paper/table3", "paper/table8"])
    assert tuple(table.columns) == COLUMNS
    assert list(table["key"]) == [cell(0).key]
    assert json.loads(table["point"][0]) == ["dataset=ml100k"] and json.loads(table["result"][0])["best"]["ER@10"] == 0.5


def test_other_seeds_and_data_sets_of_earlier_commands_stay(store):
    store.remember([cell(0), cell(1), cell(0, "ml1m")])
    store.remember([cell(0)])
    assert {(one.dataset, one.seed) for one in store.asked_for("paper/table8")} == {("ml100k", 0), ("ml100k", 1), ("ml1m", 0)}
    store.remember([cell(0, setting="new"), cell(2, setting="new")])
    assert {(one.dataset, one.seed, one.setting) for one in store.asked_for("paper/table8")} == {
        ("ml100k", 0, "new"),
        ("ml100k", 2, "new"),
        ("ml1m", 0, "s"),
    }


def test_failures_name_the_reason_of_the_latest_run(store):
    store.study.queue([attributes(cell())])
    trial = store.study.claim()
    assert store.running() == ["table8 dataset=ml100k seed=0"]
    store.study.tell(trial, None, error="no such item")
    assert store.failures([cell(), cell(1)]) == [(cell(), "no such item")]
    store.study.queue([attributes(cell())], again=True)
    measured(store, cell())
    assert store.failures([cell()]) == [] and set(store.results()) == {cell().key}


def test_two_workers_that_queue_the_same_cell_queue_it_once(store):
    for _ in range(2):
        store.study.queue([attributes(cell())])
    assert len(store.study.trials()) == 1


def test_results_of_another_store_are_taken_by_their_keys(store, tmp_path):
    store.remember([cell(0), cell(1)])
    measured(store, cell(0), cell(1))
    store.table(["paper/table8"]).to_parquet(tmp_path / "runs.parquet")
    other = Store(f"sqlite:///{tmp_path}/other.db", "paper")
    table = read_table(tmp_path / "runs.parquet")
    for _ in range(2):  # what has been taken is not taken again
        other.take(table, [cell(1), replace(cell(2), experiment="paper/table3")])
        assert set(other.results()) == {cell(1).key} and len(other.study.trials()) == 1


def test_another_process_opens_the_same_store(store):
    measured(store, cell())
    assert pickle.loads(pickle.dumps(store)).results() == store.results()


def test_a_file_that_is_no_table_of_runs_is_an_error(tmp_path):
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "other.parquet")
    for name in ("other.parquet", "nowhere.parquet"):
        with pytest.raises(ConfigError, match=rf"{name}: no table of runs"):
            read_table(tmp_path / name)
