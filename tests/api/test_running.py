"""`fedrec.run` does what the command line does, in a process that somebody else's program shares."""

import gc
import json
import logging
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import hydra
import numpy as np
import pandas as pd
import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

import fedrec
from fedrec.api.arguments_given import name_of
from fedrec.interfaces import Callback, Pruned
from fedrec.main import main
from tests.cli.corpus import CORPUS
from tests.cli.program import ENVIRONMENT, TINY
from tests.cli.program import fedrec as program

ATTACKED = (*TINY, "attack=pieck_uea", "attack.N=5", "defense=ours")
DIFFERS = ("seconds", "peak_memory_mb")  # of two equal runs
COMMANDS = [
    line
    for line in CORPUS
    if line.command.split()[0] in ("main", "tiny") and line.status == 2 and not {"-", "("}.intersection(line.command)
]
SAMPLE = random.Random(0).sample(COMMANDS, 50)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def told(folder):
    """What a run has left in its folder, but for how long it took."""
    summary = json.loads((folder / "summary.json").read_text())
    files = {path.name: path.read_bytes() for path in folder.glob("*.parquet")}
    options = [(folder / ".hydra" / name).read_text() for name in ("config.yaml", "overrides.yaml")]
    return {name: value for name, value in summary.items() if name not in DIFFERS}, files, options


def interactions(n=900):
    drawn = torch.randint(60, (n, 2), generator=torch.Generator().manual_seed(1)).numpy()
    return pd.DataFrame(drawn, columns=["who", "what"]).assign(when=np.arange(n))


class Watching(Callback):
    def __init__(self, raised=None, at=2):
        self.events, self.raised, self.at = [], raised, at

    def on_run_start(self, info):
        self.events.append("start")

    def on_round_end(self, result):
        self.events.append(result.round)
        if result.round == self.at and self.raised is not None:
            raise self.raised

    def on_evaluation(self, evaluation):
        self.events.append(evaluation.metrics["ER@10"])

    def on_run_end(self, status, summary):
        self.events.append(status)
        return {"watched": True}


@pytest.mark.slow
def test_runs_one_after_the_other_are_those_of_fresh_processes(tmp_path):
    """To the last bit, with what they leave: files, options and summary."""
    for number, options in enumerate((ATTACKED, (*TINY, "model=ncf", "seed=3"), (*ATTACKED, "seed=1"), ATTACKED)):
        folder = tmp_path / str(number)
        ended = program(tmp_path, *options, f"hydra.run.dir={folder}")
        assert ended.returncode == 0, ended.stderr
        assert told(fedrec.run(list(options), folder=tmp_path / f"own {number}").folder)[:2] == told(folder)[:2]


def test_the_folder_of_a_run_is_that_of_the_command_line(tmp_path):
    assert main([*ATTACKED]) == 0
    (typed,) = tmp_path.glob("outputs/*/*")
    result = fedrec.run(" ".join(ATTACKED))
    assert sorted(tmp_path.glob("outputs/*/*")) == [typed, result.folder]
    assert told(result.folder) == told(typed)


@pytest.mark.slow
def test_it_is_tracked_as_on_the_command_line(tmp_path):
    result = fedrec.run([*TINY[:-1], "tracking.experiment=mine"])
    assert result.summary["mlflow_run_id"]
    assert (tmp_path / "mlflow.db").exists()


def test_nothing_is_printed(capfd, monkeypatch):
    for handler in logging.getLogger().handlers:
        monkeypatch.setattr(handler, "level", logging.CRITICAL)
    fedrec.run(ATTACKED)
    assert capfd.readouterr() == ("", "")


def test_the_process_is_as_it_was(tmp_path):
    root, own = logging.getLogger(), logging.FileHandler(tmp_path / "own.log")
    root.addHandler(own)
    torch.set_num_threads(2)
    try:
        before = root.level, list(root.handlers), Path.cwd(), signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
        fedrec.run(ATTACKED)
        assert before == (root.level, list(root.handlers), Path.cwd(), signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))
        assert torch.get_num_threads() == 2
        assert not HydraConfig.initialized() and not GlobalHydra.instance().is_initialized()
        root.warning("mine")
        lines = (tmp_path / "own.log").read_text().splitlines()
        assert lines[-1] == "mine" and all(line.startswith("HR@K") for line in lines[:-1])
    finally:
        torch.set_num_threads(1)
        root.removeHandler(own)
        own.close()


@pytest.mark.parametrize("options", [("model=ncf", "attack=pieck_ipe"), ("attack=none", "defense=[ours,norm_bound]", "seed=2")])
def test_a_composed_configuration(options):
    plain = fedrec.run([*TINY, *options])
    composed = fedrec.compose(*TINY, *options)
    with hydra.initialize_config_module("fedrec.conf", version_base="1.3"):
        packaged = hydra.compose("config", [*TINY, *options])
    saved = OmegaConf.load(plain.folder / ".hydra/config.yaml")
    for config in (composed, packaged, saved):
        result = fedrec.run(config)
        assert result.metrics.equals(plain.metrics)
        assert {name: str(choice) for name, choice in plain.config["choices"].items() if "hydra" not in name} == result.config["choices"]


@pytest.mark.slow
def test_a_password_that_was_set_in_a_configuration_is_not_written():
    config = fedrec.compose(*TINY, "tracking=mlflow")
    config.tracking.tags = {"note": "http://me:hidden@host"}
    config.tracking.uri = "sqlite:///mine.db"
    result = fedrec.run(config)
    assert not [path for path in result.folder.rglob("*") if path.is_file() and b"hidden" in path.read_bytes()]


def test_a_data_frame_is_read_as_a_file_is(tmp_path):
    table = interactions()
    table.to_csv("table.csv", index=False)
    options = [
        "system.epochs=2",
        "tracking=none",
        "attack=pieck_uea",
        "attack.N=5",
        "dataset.user=who",
        "dataset.item=what",
        "dataset.time=when",
    ]
    of_file = fedrec.run(["dataset=table", "dataset.path=table.csv", *options])
    for result in (fedrec.run(options, data=table), fedrec.run(fedrec.compose("dataset=table", *options), data=table)):
        assert result.metrics.equals(of_file.metrics)
        assert result.summary["data_frame"] and not of_file.summary["data_frame"]
        assert result.summary["data_checksum"] == of_file.summary["data_checksum"]
        assert result.config["choices"]["dataset"] == "table"
        name = result.config["dataset"]["path"]
        assert name == name_of(table) != name_of(table[::-1])
    with pytest.raises(
        ValueError, match=f"^dataset.path={name} was a DataFrame of Python, which no file keeps: give it again, as data=frame$"
    ):
        fedrec.run(["dataset=table", f"dataset.path='{name}'"])


def test_runs_on_two_data_frames_are_two_runs():
    """Their options differ: else a comparison would take the later for a repetition of the other, and a checkpoint would be refused."""
    table = interactions()
    options = ["system.epochs=2", "tracking=none", "dataset.user=who", "dataset.item=what", "dataset.time=when"]
    results = [fedrec.run(options, data=one) for one in (table, table[table["who"] != table["who"][0]])]
    compared = fedrec.compare([result.folder for result in results], by=["dataset.path"])
    assert sorted(compared.table["dataset.path"]) == sorted(result.config["dataset"]["path"] for result in results)
    assert len({result.summary["name"] for result in results}) == 2


@pytest.mark.parametrize("cells", [[1, "a", None], [[1], [2], [3]], [1.0, float("nan"), 2.0], []])
def test_equal_data_frames_have_one_name(cells):
    assert name_of(pd.DataFrame({"user": cells})) == name_of(pd.DataFrame({"user": cells})) != name_of(pd.DataFrame({"item": cells}))


@pytest.mark.parametrize(
    ("options", "data", "words"),
    [
        ("dataset=ml100k", interactions(), "data gives a DataFrame, which dataset=table reads; dataset=ml100k has data of its own"),
        ("dataset.path=a.csv", interactions(), "data gives a DataFrame, and dataset.path the file a.csv: give one of them"),
        ("", [[1, 2]], "data must be a DataFrame of pandas, not list"),
        (fedrec.compose(*TINY), interactions(), "data gives a DataFrame, which dataset=table reads; Synthetic has data of its own"),
        (
            fedrec.compose("dataset=table", "dataset.path=a.csv"),
            interactions(),
            "data gives a DataFrame, and dataset.path the file a.csv: give one of them",
        ),
        (
            "dataset.user=nobody",
            interactions(),
            "dataset.user=nobody: the DataFrame has no column of this name; its columns are who, what, when",
        ),
    ],
)
def test_a_data_frame_that_cannot_be_the_data(tmp_path, options, data, words):
    with pytest.raises(ValueError, match=r".") as caught:
        fedrec.run(options, data=data)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    "line", [*SAMPLE[:12], *(pytest.param(line, marks=pytest.mark.slow) for line in SAMPLE[12:])], ids=lambda line: line.command[:100]
)
def test_an_error_is_the_line_that_the_command_line_prints(tmp_path, line, capfd):
    """And nothing else: no other error is its cause or its context, and no run has ended well."""
    line.prepare(tmp_path)
    arguments = line.call[1]
    assert main(arguments) == 2
    printed = [text for text in capfd.readouterr().err.splitlines() if text.startswith("error: ")]
    with pytest.raises(ValueError, match=r".") as caught:
        fedrec.run(arguments)
    assert [f"error: {caught.value}"] == printed
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("given", [{"attack": "none"}, [1], [["attack=none"]]])
def test_what_is_no_override(given):
    with pytest.raises(ValueError, match=r"^overrides are texts, KEY=VALUE, or a configuration that Hydra has composed$"):
        fedrec.run(given)


@pytest.mark.parametrize("flag", ["-m", "--help", "--config-dir=mine"])
def test_flags_are_for_the_command_line(flag):
    with pytest.raises(ValueError, match=f"^{flag}: Python takes overrides, KEY=VALUE; fedrec.sweep runs many jobs"):
        fedrec.run([*TINY, flag])


def test_parts_of_ones_own(tmp_path, monkeypatch):
    (tmp_path / "mine/attack").mkdir(parents=True)
    (tmp_path / "mine/attack/own.yaml").write_text("_target_: fedrec.attacks.none.NoAttack\nnum_targets: 2\ntargets: random\n")
    result = fedrec.run([*TINY, "attack=own"], config_dir="mine")
    assert result.config["choices"]["attack"] == "own" and len(result.summary["target_items"]) == 2
    with pytest.raises(ValueError, match=r"^--config-dir nowhere: there is no such folder$"):
        fedrec.run(TINY, config_dir="nowhere")
    with pytest.raises(ValueError, match=r"^config_dir is for overrides"):
        fedrec.run(fedrec.compose(*TINY), config_dir="mine")


def test_callbacks_are_told_everything():
    one, other = Watching(), Watching()
    result = fedrec.run(TINY, callbacks=[one, other])
    exposures = result.metrics["ER@10"].tolist()
    assert one.events == other.events == ["start", 1, exposures[0], 2, exposures[1], 3, exposures[2], "FINISHED"]
    assert result.summary["watched"]


@pytest.mark.parametrize("given", [Watching, [Watching], Watching(), [print], None])
def test_what_is_no_list_of_callbacks(tmp_path, given):
    with pytest.raises(ValueError, match=r"^callbacks must be a list of objects of fedrec\.interfaces\.Callback, not "):
        fedrec.run(TINY, callbacks=given)
    assert not list(tmp_path.rglob("summary.json"))


def test_a_callback_may_end_a_run():
    result = fedrec.run(TINY, callbacks=[Watching(Pruned())])
    assert result.summary["status"] == "PRUNED" and result.summary["rounds"] == 2


@pytest.mark.parametrize("error", [ValueError("mine"), OSError(28, "full", "file"), MemoryError(), KeyboardInterrupt()], ids=repr)
def test_what_a_callback_raises_is_raised_and_the_run_is_over(tmp_path, error):
    """Ctrl-C arrives in the same way. The next run is not disturbed."""
    with pytest.raises(type(error)) as caught:
        fedrec.run(TINY, callbacks=[Watching(error)], folder="ended")
    assert caught.value is error
    summary = json.loads(Path("ended/summary.json").read_text())
    assert summary["status"] == ("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED") and summary["rounds"] == 2
    assert fedrec.load("ended").summary == summary
    assert fedrec.run(TINY).summary["status"] == "FINISHED"


class StartingAnother(Callback):
    error = None

    def on_round_end(self, result):
        thread = threading.Thread(target=self.run)
        thread.start()
        thread.join()

    def run(self):
        try:
            fedrec.run(TINY)
        except ValueError as error:
            self.error = error


def test_a_second_run_at_the_same_time_is_refused():
    starting = StartingAnother()
    assert fedrec.run(TINY, callbacks=[starting]).summary["status"] == "FINISHED"
    assert str(starting.error).startswith("another run goes on in this process: wait for its end, or let fedrec.sweep run several")


def test_beside_another_application_of_hydra(tmp_path):
    """It may have names that fedrec would refuse, and another version of Hydra's rules."""
    (tmp_path / "other.yaml").write_text("a: 1\n0: ${hydra:job.name}\n")
    with hydra.initialize_config_dir(str(tmp_path), job_name="other", version_base="1.2"):
        before = hydra.compose("other")
        assert fedrec.run(TINY).summary["status"] == "FINISHED"
        assert len(fedrec.sweep([*TINY, "seed=0,1"])) == 2
        assert hydra.compose("other") == before and hydra.version.getbase() == hydra.version._get_version("1.2")
    assert not GlobalHydra.instance().is_initialized()


def test_a_run_is_forgotten_with_its_result():
    def n_tensors():
        gc.collect()
        return sum(issubclass(type(one), torch.Tensor) for one in gc.get_objects())  # a weak reference may have lost its object

    fedrec.run(ATTACKED)  # what is remembered once for all runs
    before = n_tensors()
    result = fedrec.run(ATTACKED)
    assert len(result.items) == 60
    with pytest.raises(ValueError, match="probably too high") as caught:
        fedrec.run([*ATTACKED, "system.learning_rate=1e30", "system.epochs=50"])
    del result
    assert n_tensors() == before
    assert caught.value.__context__ is None


@pytest.mark.slow
def test_ctrl_c_ends_a_run_and_not_the_process(tmp_path):
    code = f"""
import fedrec
try:
    fedrec.run({[*TINY[:-2], "system.epochs=1000000", "tracking=none"]}, folder="long")
except KeyboardInterrupt:
    print(fedrec.load("long").summary["status"], fedrec.run({TINY}).summary["status"])
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    while not (tmp_path / "long/users.parquet").exists():
        assert process.poll() is None
        os.sched_yield()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=180)[0] == "KILLED FINISHED\n"
