"""What a saved model holds for other programs, and what a foreign one may not do."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy

from fedrec.experiment import Experiment
from fedrec.saved_runs import model_folder
from fedrec.saved_runs.result import load
from tests.cli.program import TINY, fedrec
from tests.saved_runs.small_runs import ended, items_of


@pytest.mark.parametrize("options", [("model=mf",), ("model=ncf", "model.dim=5")])
def test_the_tensors_are_those_of_the_system(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Bit for bit, as any reader of safetensors sees them."""
    system = (experiment := ended(tmp_path, *options)).system
    found = safetensors.numpy.load_file(tmp_path / "model/model.safetensors")
    scorer = {f"scorer.{name}": value for name, value in system.global_model.scorer.items()}
    expected = {"users": system.users, "items": system.global_model.items, **scorer}
    assert found.keys() == expected.keys() and ("scorer.W1" in found) == ("model=ncf" in options)
    for name, value in expected.items():
        assert found[name].dtype == np.float32 and found[name].tobytes() == value.numpy().tobytes()
    training = safetensors.numpy.load_file(tmp_path / "model/training.safetensors")
    rows = np.split(training["items"], training["offsets"][1:-1])
    assert [row.tolist() for row in rows] == [items_of(experiment, "train", user) for user in range(90)]


def test_pandas_alone_reads_the_embeddings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In whatever blocks of rows they were written."""
    monkeypatch.setattr(model_folder, "NUMBERS_AT_ONCE", 7 * 32)
    system = ended(tmp_path).system
    for name, tensor in (("item", system.global_model.items), ("user", system.users)):
        table = pd.read_parquet(tmp_path / f"model/{name}s.parquet")
        assert list(table) == [name, *(f"e{number}" for number in range(32))]
        assert table[name].tolist() == list(range(len(tensor)))
        assert table.drop(columns=name).to_numpy().tobytes() == tensor.numpy().tobytes()
        pd.testing.assert_frame_equal(getattr(load(tmp_path), f"{name}s"), table.set_index(name))


def test_a_folder_holds_nothing_else_and_everybody_may_read_it(experiment: Experiment) -> None:
    folder = experiment.info.folder
    modes = {path.name: path.stat().st_mode for path in (folder / "model").iterdir()}
    assert modes.keys() == {"items.parquet", "users.parquet", "model.json", "model.safetensors", "training.safetensors"}
    assert set(modes.values()) == {(folder / "summary.json").stat().st_mode}


def test_what_a_user_does_to_a_frame_does_not_change_the_model(experiment: Experiment) -> None:
    result = load(experiment.info.folder)
    before = result.recommend(3)
    result.users.loc[3] = 0.0
    pd.testing.assert_frame_equal(result.recommend(3), before)


PLUG_IN = """
from dataclasses import dataclass
import torch
from fedrec.interfaces import GlobalModel, Model, Positive

@dataclass(kw_only=True)
class Distance(Model):
    dim: Positive

    def initialise(self, n_users, n_items, generator):
        users, items = (torch.randn(n, self.dim, generator=generator) for n in (n_users, n_items))
        return users, GlobalModel(items, {"scale": torch.tensor([-2.0])})

    def score(self, users, items, scorer, own=None):
        return scorer["scale"] * ((users - items) ** 2).sum(-1)
"""


@pytest.mark.slow
def test_a_model_of_ones_own_is_saved_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its yaml need not name the option. It cannot be opened where its class is not."""
    (tmp_path / "mine/model").mkdir(parents=True)
    (tmp_path / "mine/model/distance.yaml").write_text("_target_: model_of_distances.Distance\ndim: 4\n")
    (tmp_path / "model_of_distances.py").write_text(PLUG_IN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    options = ("--config-dir", "mine", "model=distance", "system=mf", "system.learning_rate=0.01", "hydra.run.dir=run")
    assert fedrec(tmp_path, *TINY, *options, "+model.save=true").returncode == 0
    result = load("run")
    frame, distances = result.recommend(3, 60, exclude_seen=False), ((result.items - result.users.loc[3]) ** 2).sum(axis=1)
    scale = safetensors.numpy.load_file("run/model/model.safetensors")["scorer.scale"]
    assert frame["score"].to_numpy() == pytest.approx((scale * distances[frame["item"]]).to_numpy(), rel=1e-5)
    monkeypatch.delitem(sys.modules, "model_of_distances")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in ("", str(tmp_path))])
    with pytest.raises(ValueError, match=r"model\._target_=model_of_distances\.Distance cannot be imported"):
        load("run").recommend(3)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("format", 2, "its format 2 is that of another version of fedrec, which knows 1"),
        ("model", {"_target_": "os.system", "command": "touch bad"}, "model takes a class of the kind fedrec.interfaces.Model"),
        ("model", {"_target_": "my_model.Lost"}, "model._target_=my_model.Lost cannot be imported"),
        ("model", {"_target_": "fedrec.models.mf.MatrixFactorization", "dim": "x", "init_std": 1}, "model.dim=x is not allowed"),
        ("model", [], "model.json is damaged: model is no dict"),
        ("crc32", {}, "model.safetensors is damaged"),
    ],
)
def test_a_description_that_the_run_did_not_write(copied: Path, key: str, value: object, words: str) -> None:
    path = copied / "model/model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(ValueError, match=f"^.*{re.escape(words)}.*$"):
        load(copied).recommend(1)
