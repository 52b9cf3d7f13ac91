"""Which checkpoint a command goes on from, what it says, and what is left behind."""

import logging
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from fedrec.checkpoints import checkpointing, schedule
from fedrec.config.validation import ConfigError
from fedrec.experiment import Experiment
from fedrec.interfaces import Callback, Evaluation, Pruned
from tests.checkpoints.tiny_runs import Killed, Listener, folders, killed, prepared, reported, trained

UEA = ("attack=pieck_uea", "attack.N=5", "attack.batches=1")
EACH = "checkpoint.every=1"


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "fedrec.checkpoints")
    return caplog


def messages(told: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in told.records if record.name.startswith("fedrec.checkpoints")]


def own_folder(folder: Path) -> Path:
    (own,) = (folder / "checkpoints").iterdir()
    return own


def test_the_same_command_goes_on_and_says_so(tmp_path: Path, told: pytest.LogCaptureFixture) -> None:
    killed(tmp_path, EACH)
    assert folders(tmp_path) == ["round_0000005", "round_0000010"]
    _, listener = trained(tmp_path, EACH)
    assert list(listener.rounds) == list(range(11, 21))
    assert [one.round for one in listener.evaluations] == [5, 10, 15, 20]
    (line,) = messages(told)
    assert re.fullmatch(r"the run goes on after round 10, from \S+/round_0000010; resume=never would start anew", line)


def test_a_run_that_has_finished_leaves_no_checkpoint(tmp_path: Path) -> None:
    killed(tmp_path, EACH)
    trained(tmp_path, EACH)
    assert not (tmp_path / "checkpoints").exists()
    _, listener = trained(tmp_path, EACH)
    assert min(listener.rounds) == 1


def test_the_checkpoints_of_other_runs_stay(tmp_path: Path) -> None:
    killed(tmp_path, "seed=1")
    trained(tmp_path)
    assert folders(tmp_path) == ["round_0000010"]


def test_two_checkpoints_are_kept(tmp_path: Path) -> None:
    killed(tmp_path, EACH, last_round=18)
    assert folders(tmp_path) == ["round_0000010", "round_0000015"]


def test_a_pruned_run_leaves_no_checkpoint(tmp_path: Path) -> None:
    class Hopeless(Callback):
        def on_evaluation(self, evaluation: Evaluation) -> None:
            if evaluation.epoch == 3:
                raise Pruned

    experiment, _ = prepared(tmp_path, EACH)
    experiment.callbacks = [Hopeless()]
    assert experiment.train()["status"] == "PRUNED"
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("every", ["auto", "null"])
def test_short_runs_and_those_that_want_none_write_none(tmp_path: Path, every: str) -> None:
    killed(tmp_path, f"checkpoint.every={every}")
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.slow
def test_what_is_not_in_the_result_is_not_in_the_identity(tmp_path: Path) -> None:
    """The run goes on with other tracking, another display, and other checkpoints."""
    killed(tmp_path)
    _, listener = trained(tmp_path, "checkpoint.every=null", "tracking=mlflow", f"tracking.uri=sqlite:///{tmp_path}/mlflow.db")
    assert min(listener.rounds) == 11


@pytest.mark.parametrize("change", ["seed=1", "attack.N=6", "system.epochs=5", "evaluation.every=2", "model.dim=8", "dataset.exponent=0.5"])
def test_another_run_has_checkpoints_of_its_own(tmp_path: Path, change: str) -> None:
    killed(tmp_path, *UEA)
    _, listener = trained(tmp_path, *UEA, change)
    assert min(listener.rounds) == 1
    assert folders(tmp_path) == ["round_0000012"]


def test_resume_never_starts_anew_and_replaces_the_checkpoints(tmp_path: Path) -> None:
    killed(tmp_path, EACH, last_round=18)
    assert min(killed(tmp_path, EACH, "resume=never", last_round=8).rounds) == 1
    assert folders(tmp_path) == ["round_0000005"]


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path: Path, told: pytest.LogCaptureFixture) -> None:
    whole, _ = trained(tmp_path / "whole", EACH)
    killed(tmp_path, EACH, last_round=18)
    file = own_folder(tmp_path) / "round_0000015" / "state.json"
    file.write_bytes(file.read_bytes()[:-1])
    told.clear()
    resumed, listener = trained(tmp_path, EACH)
    assert min(listener.rounds) == 11
    assert repr(reported(resumed)) == repr(reported(whole))
    damaged, goes_on = messages(told)
    assert damaged.endswith("round_0000015 is damaged (state.json is not as it was written); the one before it is tried")
    assert "the run goes on after round 10" in goes_on


def test_without_a_sound_checkpoint_the_run_starts_anew(tmp_path: Path, told: pytest.LogCaptureFixture) -> None:
    killed(tmp_path, EACH)
    for file in (tmp_path / "checkpoints").glob("*/*/tensors.safetensors"):
        file.unlink()
    _, listener = trained(tmp_path, EACH)
    assert min(listener.rounds) == 1
    assert messages(told)[-1].endswith("can be read; the run starts anew")


def test_a_checkpoint_of_other_code_is_not_gone_on_from(
    tmp_path: Path, told: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(tmp_path)
    (folder,) = own_folder(tmp_path).glob("round_*")
    monkeypatch.setattr("fedrec.identity.run_identity.code_version", lambda *_: "other")
    with pytest.raises(ConfigError, match=rf"^resume={folder}: it was written by another version of the code$"):
        prepared(tmp_path, f"resume={folder}")
    _, listener = trained(tmp_path)
    assert min(listener.rounds) == 1
    assert messages(told)[-1] == f"{folder}: it was written by another version of the code: the run starts anew"


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (["attack.N=5"], ["attack.N=6"], "it was written with attack.N=5, this run has attack.N=6"),
        ([], ["seed=3"], "it was written with seed=0, this run has seed=3"),
        (["threads=1"], ["threads=2"], "it was written with threads=1, this run has threads=2"),
        ([], ["attack=pieck_ipe", "~attack.batches"], "it was written with attack=pieck_uea, this run has attack=pieck_ipe"),
        ([], ["defense=krum"], "it was written with no defense.server.krum, this run has defense.server.krum=krum"),
        (["evaluation.k=[5,10]"], ["evaluation.k=[10]"], "it was written with evaluation.k=[5, 10], this run has evaluation.k=[10]"),
        ([], ["dataset.users=50"], "it was written with other data"),
    ],
)
def test_a_checkpoint_of_other_options_is_refused_with_the_one_that_differs(
    tmp_path: Path, before: list[str], now: list[str], words: str
) -> None:
    killed(tmp_path, *UEA, *before)
    (folder,) = own_folder(tmp_path).glob("round_*")
    changes = [one for one in now if not one.startswith("~")]
    base = [one for one in UEA if f"~{one.partition('=')[0]}" not in now]
    for place in (folder, folder.parent):
        with pytest.raises(ConfigError, match=rf"^resume={place}: {re.escape(words)}$"):
            prepared(tmp_path, *base, *changes, f"resume={place}")
    assert folders(tmp_path) == [folder.name]


def test_a_copy_of_a_checkpoint_can_be_named(tmp_path: Path) -> None:
    killed(tmp_path)
    shutil.copytree(own_folder(tmp_path), tmp_path / "copy")
    shutil.rmtree(tmp_path / "checkpoints")
    _, listener = trained(tmp_path, f"resume={tmp_path}/copy")
    assert min(listener.rounds) == 11
    assert (tmp_path / "copy" / "round_0000010").is_dir()


def test_a_damaged_checkpoint_that_is_named_is_refused(tmp_path: Path) -> None:
    killed(tmp_path)
    (own_folder(tmp_path) / "round_0000010" / "SHA256SUMS").unlink()
    with pytest.raises(ConfigError, match=r"^resume=\S+: the checkpoint is damaged: .*SHA256SUMS"):
        prepared(tmp_path, f"resume={own_folder(tmp_path)}")


def test_a_folder_without_a_checkpoint_is_refused_before_data_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedrec.data.synthetic.Synthetic.load", lambda *_: pytest.fail("loaded"))
    with pytest.raises(ConfigError, match=r"^resume=nowhere: there is no checkpoint in this folder; allowed is auto, never or the folder"):
        prepared(tmp_path, "resume=nowhere")


def test_two_same_commands_at_once_keep_out_of_each_others_way(tmp_path: Path, told: pytest.LogCaptureFixture) -> None:
    killed(tmp_path)
    own = own_folder(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in own.rglob("*.*")}
    with FileLock(own / "lock"):
        _, listener = trained(tmp_path)
    assert min(listener.rounds) == 1
    assert messages(told) == ["another process runs the same command; this run has no checkpoints"]
    assert {path: path.stat().st_mtime_ns for path in own.rglob("*.*")} == before


def test_the_other_process_may_have_begun_first_without_a_checkpoint(tmp_path: Path, told: pytest.LogCaptureFixture) -> None:
    first, _ = prepared(tmp_path)
    second, _ = prepared(tmp_path)
    first.checkpoints.begin(20, 0)
    first.checkpoints.save(10, first.state_dict)
    second.train()
    assert messages(told) == ["another process runs the same command; this run has no checkpoints"]
    assert folders(tmp_path) == ["round_0000010"]


def test_a_disk_that_takes_nothing_never_stops_a_run(tmp_path: Path, told: pytest.LogCaptureFixture) -> None:
    (tmp_path / "checkpoints").touch()
    experiment, _ = trained(tmp_path)
    assert experiment.ended["status"] == "FINISHED"
    (line,) = messages(told)
    assert line.startswith("no checkpoint after round 10: ")


def test_a_state_that_cannot_be_saved_never_stops_a_run(tmp_path: Path, told: pytest.LogCaptureFixture) -> None:
    class Odd(Listener):
        def state_dict(self) -> dict[str, Any]:
            return {"seen": {1, 2}}

    experiment, _ = prepared(tmp_path, EACH)
    experiment.callbacks = [Odd()]
    assert experiment.train()["status"] == "FINISHED"
    assert messages(told) == ["this run has no checkpoints: the state['callbacks'][0][1]['seen'] is a set, which no checkpoint can hold"]


def test_callbacks_get_their_states_back(tmp_path: Path) -> None:
    class Counter(Callback):
        def __init__(self, first: int, last_round: int | None = None) -> None:
            self.count, self.last_round = first, last_round

        def on_round_end(self, result: Any) -> None:
            self.count += 1
            if result.round == self.last_round:
                raise Killed

        def state_dict(self) -> dict[str, Any]:
            return {"count": self.count}

        def load_state_dict(self, state: Any) -> None:
            self.count = state["count"]

    def run(*callbacks: Callback) -> Experiment:
        experiment, _ = prepared(tmp_path)
        experiment.callbacks = callbacks
        return experiment

    with pytest.raises(Killed):
        run(Counter(0), Counter(100, 13)).train()
    counters = Counter(-1), Counter(-1)
    experiment, _ = prepared(tmp_path)
    experiment.callbacks = [Listener(), *counters]
    # `prepare` gives the states to the callbacks that it makes; here they come afterwards
    experiment.load_state_dict(experiment.checkpoints.find("auto"))
    experiment.train()
    assert [counter.count for counter in counters] == [20, 120]


def test_seconds_and_memory_are_those_of_the_whole_run(tmp_path: Path) -> None:
    killed(tmp_path)
    resumed, _ = prepared(tmp_path)
    before = dict(resumed.seconds)
    assert before["total"] > before["train"] > 0
    resumed.train()
    told = resumed.ended["seconds"]
    assert all(told[name] >= round(before[name], 3) for name in before)
    assert told["total"] >= round(before["total"] + told["train"] - before["train"], 3)


def test_a_large_state_is_not_written_before_it_is_worth_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `auto` the first writing is expected to take what its size says."""
    clock = [0.0]
    monkeypatch.setattr(
        schedule.Schedule, "__post_init__", lambda self: vars(self).update(clock=lambda: clock[0], _started=0.0, _latest=0.0)
    )
    monkeypatch.setattr(checkpointing, "_BYTES_PER_SECOND", 1000.0)
    experiment, _ = prepared(tmp_path, "checkpoint.every=auto")
    experiment.checkpoints.begin(20, 0)
    clock[0] = 31.0
    assert experiment.checkpoints.is_due(5, 1)
    experiment.checkpoints.save(5, experiment.state_dict)
    assert folders(tmp_path) == [] and not experiment.checkpoints.is_due(5, 1)
    clock[0] = 1e6
    assert experiment.checkpoints.is_due(10, 2)
    experiment.checkpoints.save(10, experiment.state_dict)
    assert folders(tmp_path) == ["round_0000010"]
