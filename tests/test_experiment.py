"""Whole experiments in this process: summaries, selection, and that watching a run never changes it."""

import json
import platform
from pathlib import Path

import pandas as pd
import pytest
import torch

from fedrec.conduct import prepare, run
from fedrec.config.build import check
from fedrec.config.compose import compose
from fedrec.data.synthetic import Synthetic
from fedrec.evaluation.diagnostics import expected_poison_share
from fedrec.federation.system import TrainingDiverged
from fedrec.resources import choose_device, return_freed_memory
from fedrec.tracking.run_progress import Progress

TINY = ["dataset=synthetic", "dataset.users=40", "dataset.items=60", "dataset.interactions=600", "system.epochs=4", "tracking=none"]

SUMMARY = {
    "verdict",
    "name",
    "status",
    "config",
    "dataset",
    "target_items",
    "malicious_clients",
    "best",
    "final",
    "validation",
    "rounds",
    "seconds",
}
SUMMARY |= {
    "target_titles",
    "data_checksum",
    "code",
    "undefined",
    "peak_memory_mb",
    "mlflow_run_id",
    "evaluations",
    "near_best",
    "peak",
    "exposed",
    "data_frame",
    "degradation",
}


def trained(folder, *overrides):
    experiment = prepare(check(compose(*TINY, "system.clients_per_round=8", *overrides)), folder)
    experiment.train()
    return experiment


def test_a_crowded_machine_is_told_if_the_threads_are_not_chosen(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("fedrec.conduct.crowding", lambda n_threads: "the machine is busy")
    prepare(check(compose(*TINY, "threads=1")), tmp_path)
    assert "the machine is busy" not in caplog.text
    prepare(check(compose(*TINY, "threads=null")), tmp_path)
    assert "threads=null starts 1 threads, but the machine is busy; threads=1 may be many times faster" in caplog.messages


@pytest.mark.parametrize(
    "overrides",
    [
        ["evaluation.every=3"],
        ["evaluation.max_users=5", "evaluation.metrics=[ER,HR,mining,PKL,UCR,poison_share]", "evaluation.mined_sizes=[5]"],
        ["tracking=mlflow", "tracking.snapshot_rounds=[1,2]"],
        ["threads=1", "device=cpu"],
    ],
)
def test_watching_changes_nothing(tmp_path, monkeypatch, overrides):
    """Bit for bit, with an attack and the defense."""
    monkeypatch.chdir(tmp_path)
    options = ["attack=pieck_uea", "attack.N=5", "attack.batches=1", "defense=ours", "defense.N=3"]
    plain, watched = trained(tmp_path, *options), trained(tmp_path, *options, *overrides)
    assert plain.system.users.equal(watched.system.users)
    assert plain.system.global_model.items.equal(watched.system.global_model.items)


def test_another_seed_is_another_run(tmp_path):
    one, other = trained(tmp_path), trained(tmp_path, "seed=1")
    assert not one.system.users.equal(other.system.users)


def test_summary(tmp_path, capsys):
    objective = run(check(compose(*TINY, "dataset.validation=true", "attack=pieck_ipe", "attack.N=4")), tmp_path).objective
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert set(summary) == SUMMARY
    assert summary["status"] == "FINISHED"
    assert summary["rounds"] == 4
    assert summary["final"]["epoch"] == 4
    assert summary["best"]["HR@10"] >= summary["validation"]["HR@10"]
    assert objective == summary["validation"]["ER@10"]
    assert summary["evaluations"] == summary["near_best"]["evaluations"] == 4
    assert summary["peak"]["ER@10"] >= max(summary[rule]["ER@10"] for rule in ("best", "near_best", "validation", "final"))
    assert 0 <= summary["exposed"] <= 1
    assert {"total", "train", "evaluate", "track", "checkpoint"} == set(summary["seconds"])
    assert 50 < summary["peak_memory_mb"] < 10_000
    assert summary["config"]["attack"]["N"] == 4
    assert {"ER@5", "HR@20", "full_HR@10", "full_NDCG@10", "validation_HR@10"} <= set(summary["final"])
    assert "target items" in capsys.readouterr().out


def test_callbacks_are_told_the_seconds_too(tmp_path):
    """What MLflow keeps as summary.json must not lack them."""
    told = {}

    class Listener(Progress):
        def on_run_end(self, status, summary):
            told.update(summary)
            return super().on_run_end(status, summary)

    experiment = prepare(check(compose(*TINY)), tmp_path)
    experiment.callbacks = [Listener()]
    experiment.train()
    assert 0 < told["seconds"]["train"] < told["seconds"]["total"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_who_interrupts_the_wait_for_a_store_keeps_the_summary(tmp_path, error):
    class Stuck(Progress):
        def on_run_end(self, status, summary):
            raise error

    experiment = prepare(check(compose(*TINY)), tmp_path)
    experiment.callbacks = [Stuck()]
    with pytest.raises(error):
        experiment.train()
    assert json.loads((tmp_path / "summary.json").read_text())["status"] == "FINISHED"


def test_a_summary_that_cannot_be_written_is_shown_all_the_same(tmp_path, capsys):
    (tmp_path / "summary.json").mkdir()
    with pytest.raises(ValueError, match=r"summary\.json: Is a directory; the results stand above"):
        run(check(compose(*TINY)), tmp_path)
    assert "full_NDCG@20" in capsys.readouterr().out
    tables = {"items.parquet", "users.parquet", "evaluations.parquet", "exposure.parquet"}
    assert {path.name for path in tmp_path.iterdir()} == {*tables, "summary.json"}


@pytest.mark.parametrize(("every", "epochs"), [(1, [1, 2, 3, 4]), (3, [3, 4]), (9, [4])])
def test_epochs_are_evaluated_as_often_as_asked_for_and_the_last_one_always(tmp_path, every, epochs):
    assert [one.epoch for one in trained(tmp_path, f"evaluation.every={every}").evaluations] == epochs


def test_what_explains_an_attack(tmp_path):
    """Mined by the clients themselves, by an observer of every round; users reached by the popular; poison where it was uploaded."""
    options = ["attack=pieck_uea", "attack.N=5", "attack.batches=1", "defense=ours", "defense.N=3", "attack.targets=[7]"]
    wanted = ["evaluation.metrics=[ER,HR,mining,PKL,UCR,poison_share]", "evaluation.mined_sizes=[4,60]"]
    experiment = trained(tmp_path, *options, *wanted)
    metrics, diagnostics = experiment.evaluations[-1].metrics, experiment.evaluator.diagnostics
    train, miner = diagnostics.train, experiment.system.attack.miner
    popularity = train.popularity().tolist()
    popular = sorted(range(60), key=lambda item: (-popularity[item], item))
    sets = {client: set(mined) for client, mined in enumerate(miner.mined.tolist()) if miner.has_mined[client]}
    assert sets
    assert metrics["attack_mined_top_N"] == pytest.approx(sum(len(one & set(popular[:5])) / 5 for one in sets.values()) / len(sets))
    changed = sum(one.delta_norm() for one in diagnostics.recent).tolist()
    observed = sorted(range(60), key=lambda item: -changed[item])[:4]
    assert metrics["mined_top_N@4"] == len(set(observed) & set(popular[:4])) / 4
    assert metrics["mined_popular@4"] == len(set(observed) & set(popular[:9])) / 4
    assert metrics["mined_top_N@60"] == 1
    users = [set(part.tolist()) for part in train.items.split(train.offsets.diff().tolist())]
    assert metrics["UCR@4"] == pytest.approx(sum(bool(user & set(popular[:4])) for user in users) / len(users))
    assert 0 < metrics["poison_share_observed"] < 1
    assert metrics["poison_share_expected"] == pytest.approx(expected_poison_share(7, train, 1, "repeated", 2))


def test_a_run_that_diverges_keeps_what_it_has(tmp_path):
    with pytest.raises(TrainingDiverged, match=r"round \d+"):
        trained(tmp_path, "system.learning_rate=1e30", "system.epochs=50")
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["status"] == "FAILED"
    assert summary["rounds"] < 250


def test_cuda_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ValueError, match=r"device = cuda: this machine has no such device; use device=auto, device=cpu$"):
        prepare(check(compose(*TINY, "device=cuda")), tmp_path)


@pytest.mark.parametrize(
    ("name", "n_gpus", "device"),
    [("auto", 0, "cpu"), ("auto", 2, "cuda"), ("cpu", 2, "cpu"), ("cuda", 1, "cuda"), ("cuda:1", 2, "cuda:1"), ("mps", 0, "mps")],
)
def test_devices_by_name(monkeypatch, name, n_gpus, device):
    monkeypatch.setattr("torch.cuda.is_available", lambda: n_gpus > 0)
    monkeypatch.setattr("torch.cuda.device_count", lambda: n_gpus)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: device == "mps")
    assert str(choose_device(name)) == device
    with pytest.raises(ValueError, match="device = cuda:2: this machine has no such device; use device=auto, device=cpu"):
        choose_device("cuda:2")


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (
            ["interactions=2000000000"],
            "dataset: 1900000000 interactions to train on; at most 1073741823: pairs are counted with 32 bits",
        ),
        (["interactions=500000000", "negatives=9"], "system.negatives_per_positive = 9: at most 4 for 400000000 interactions"),
        (["items=200000000"], "dataset: 200000000 items; at most 134217727"),
    ],
)
def test_sizes_that_cannot_be_counted_are_named_before_anything_is_drawn(tmp_path, monkeypatch, size, message):
    monkeypatch.setattr(Synthetic, "load", lambda *_: pytest.fail("drawn"))
    options = {"users": 10**8, "items": 10**6, "interactions": 4 * 10**8, "negatives": 1} | dict(one.split("=") for one in size)
    overrides = [f"dataset.{name}={options[name]}" for name in ("users", "items", "interactions")]
    with pytest.raises(ValueError, match=message):
        prepare(check(compose(*TINY, *overrides, f"system.negatives_per_positive={options['negatives']}")), tmp_path)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to return memory")
def test_freed_memory_goes_back_to_the_system():
    def held():
        line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 2**10

    pieces = [bytes([piece % 256]) * 100_000 for piece in range(2000)]  # few enough bytes each to come from the heap
    del pieces[:-1]  # the last one keeps the heap from shrinking by itself
    before = held()
    return_freed_memory()
    assert held() < before - 100_000_000 and len(pieces) == 1


def test_a_run_without_target_items_measures_no_exposure(tmp_path):
    experiment = trained(
        tmp_path,
        "attack=none",
        "attack.num_targets=0",
        "defense=krum",
        "evaluation.metrics=[ER,HR,poison_share,UCR]",
        "evaluation.mined_sizes=[10]",
    )
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["target_items"], summary["exposed"], summary["peak"], summary["undefined"]) == ([], None, None, {})
    assert not {name for name in summary["best"] if name.startswith(("ER", "poison_share"))}
    assert {"HR@10", "UCR@10"} <= summary["best"].keys()
    assert summary["verdict"].startswith("Without an attack and with the defense krum, HR@10 is ")
    assert pd.read_parquet(tmp_path / "exposure.parquet").empty
    same = trained(tmp_path, "attack=none", "defense=krum")
    assert torch.equal(same.system.users, experiment.system.users)
