"""Measuring cells: each once, whatever happens to a worker."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import cloudpickle
import pytest

from experiments.recording import Record
from fedrec.campaigns import measuring
from fedrec.campaigns.cells import Planner
from fedrec.campaigns.measuring import Measurer, measure
from fedrec.campaigns.store import Store, attributes
from fedrec.federation.system import System
from tests.campaigns.planners import TINY, planner, two

EXPERIMENT = "paper/fig5_attack"


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    with planner(tmp_path_factory.mktemp("runs"), *TINY) as made:
        yield made


@pytest.fixture
def store(tmp_path):
    return Store(f"sqlite:///{tmp_path}/study.db", "paper")


def cells(plans, *numbers):
    """Two seeds of PIECK-UEA with each number of mined items."""
    return [cell for n in numbers for cell in plans.cells(EXPERIMENT, ("attack=pieck_uea", f"attack.N={n}"), two)]


def measurer(plans, store, wanted):
    return Measurer(plans, store, wanted, {}, Record)


def test_every_cell_is_measured_once(plans, store):
    wanted = cells(plans, 5)
    measure(measurer(plans, store, wanted), 1)
    assert set(store.results()) == {cell.key for cell in wanted}
    summary = json.loads((Path(plans.config.hydra.sweep.dir) / "runs" / wanted[1].key / "summary.json").read_text())
    assert summary["status"] == "FINISHED" and (summary["config"]["seed"], summary["config"]["attack"]["N"]) == (1, 5)
    assert store.results()[wanted[1].key]["best"]["ER@10"] == pytest.approx(summary["best"]["ER@10"], abs=1e-6)
    measure(measurer(plans, store, wanted), 1)
    assert len(store.study.trials()) == 2


def test_a_measurer_works_in_another_process(plans, store):
    """Launchers send it there as bytes; the planner keeps what it has composed, and the store is opened anew."""
    wanted = cells(plans, 6)[:1]
    sent = cloudpickle.loads(cloudpickle.dumps(measurer(plans, store, wanted)))
    sent(plans.config)
    assert set(store.results()) == {wanted[0].key}


def test_a_cell_that_fails_is_named_and_tried_again_on_request(plans, store):
    wanted = cells(plans, 500, 5)  # 500 mined items do not fit 60 items
    for tries in (1, 2):
        measure(measurer(plans, store, wanted), 1)
        failures = store.failures(wanted)
        assert [cell for cell, _ in failures] == wanted[:2]
        assert all(reason.startswith("attack.N = 500: at most ") for _, reason in failures)
        assert len([trial for trial in store.study.trials() if trial.state.name == "FAIL"]) == 2 * tries
        store.study.queue([attributes(cell) for cell, _ in failures], again=True)
    assert len(store.results()) == 2


def test_a_cell_whose_er_is_undefined_is_named_and_has_no_numbers(plans, tmp_path, store):
    """Everybody has trained on the target."""
    (own := tmp_path / "own").mkdir()
    (own / "train.txt").write_text("".join(f"{user} 0 {user + 1} {user + 2}\n" for user in range(30)))
    (own / "test.txt").write_text("".join(f"{user} {(user + 9) % 30 + 1}\n" for user in range(30)))
    data = ["dataset=presplit", f"dataset.root={own}", "attack.targets=[0]", "system.epochs=2", "tracking=none"]
    own_plans = Planner.of(tmp_path / "runs", (), ["device=cpu", *data], {}, "experiments.recording")
    wanted = cells(own_plans, 5)
    measure(measurer(own_plans, store, wanted), 1)
    assert store.results() == {}
    assert {reason for _, reason in store.failures(wanted)} == {"ER@5 is undefined: every user has trained on the target item"}


def test_after_an_interruption_the_same_call_measures_the_rest_and_nothing_twice(plans, store, monkeypatch):
    wanted, started = cells(plans, 4, 5), []
    run = measuring.run

    def interrupted(config, folder, record):
        started.append(folder.name)
        if len(started) == 2:
            raise KeyboardInterrupt
        return run(config, folder, record)

    monkeypatch.setattr(measuring, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        measure(measurer(plans, store, wanted), 1)
    assert len(store.results()) == 1
    measure(measurer(plans, store, wanted), 1)
    assert set(store.results()) == {cell.key for cell in wanted}
    assert len(started) == len(wanted) + 1 and len(set(started)) == len(wanted)


def test_a_cell_that_is_cut_off_goes_on_from_its_checkpoint(plans, tmp_path, store, monkeypatch):
    """Its record is that of an undisturbed run, the snapshot of the round before the checkpoint included."""
    options = ["device=cpu", *TINY, "checkpoint.every=1", f"checkpoint.folder={tmp_path}/checkpoints"]
    own_plans = Planner.of(tmp_path / "runs", (), options, {}, "experiments.recording")
    (wanted, _) = cells(own_plans, 5)
    undisturbed = Store(f"sqlite:///{tmp_path}/other.db", "paper")
    watch = partial(Record, snapshot_rounds=(1, 2))
    measure(Measurer(own_plans, undisturbed, [wanted], {}, watch), 1)
    trained, train = [], System._train

    def cut_off(self):
        trained.append(self.round)
        if trained == [0, 1]:
            raise KeyboardInterrupt
        return train(self)

    monkeypatch.setattr(System, "_train", cut_off)
    with pytest.raises(KeyboardInterrupt):
        measure(Measurer(own_plans, store, [wanted], {}, watch), 1)
    measure(Measurer(own_plans, store, [wanted], {}, watch), 1)
    assert trained == [0, 1, 1]
    found, expected = ({**one.results()[wanted.key], "seconds": None} for one in (store, undisturbed))
    assert found == expected and list(found["delta_norm"]) == ["1", "2"] and found["curve"]["epoch"] == [1, 2]


def test_what_was_queued_for_other_code_is_not_run_under_its_name(plans, store):
    (wanted, _) = cells(plans, 5)
    stale = replace(wanted, key="0123456789abcdef")
    store.study.queue([attributes(stale)])
    measure(measurer(plans, store, [wanted]), 1)
    assert store.failures([stale]) == [(stale, "options, code or data have changed since this run was queued")]
    assert set(store.results()) == {wanted.key}
