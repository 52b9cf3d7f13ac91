"""`hydra.job.chdir=true`: a run works in its own folder, and a relative path in an option still means the folder of the command."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tests.cli.program import TINY, Ended, fedrec

OWN = ("dataset=presplit", "dataset.root=data", "system.epochs=1", "hydra.job.chdir=true")
STORED = (*OWN, "tracking.uri=sqlite:///own.db")
CALLBACK = """
from dataclasses import dataclass
from pathlib import Path

from fedrec.interfaces import Callback


@dataclass(kw_only=True)
class Marker(Callback):
    path: str

    def __post_init__(self):
        assert Path(self.path).is_file()

    def on_run_start(self, info):
        assert Path.cwd() == info.folder
        Path("written").touch()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a data set."""
    (tmp_path / "data").mkdir()
    users, items = range(30), range(60)
    rows = [[item for item in items if (user + item) % 4 == 0] for user in users]
    (tmp_path / "data/train.txt").write_text("".join(f"{user} {' '.join(map(str, row[1:]))}\n" for user, row in enumerate(rows)))
    (tmp_path / "data/test.txt").write_text("".join(f"{user} {row[0]}\n" for user, row in enumerate(rows)))
    return tmp_path


def found(folder: Path, pattern: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob(pattern))


def n_runs(folder: Path) -> int:
    client = MlflowClient(f"sqlite:///{folder}/own.db")
    return len(client.search_runs([one.experiment_id for one in client.search_experiments()]))


@pytest.mark.slow
def test_one_store_for_all_runs(folder: Path) -> None:
    for arguments in (("hydra.run.dir=runs/single",), ("-m", "hydra.sweep.dir=runs/many", "seed=0,1")):
        ended = fedrec(folder, *STORED, *arguments)
        assert ended.returncode == 0, ended.stderr
    assert found(folder, "*.db") == ["own.db"]
    assert found(folder, "mlartifacts") == ["mlartifacts"]
    assert found(folder / "runs", "summary.json") == ["many/0/summary.json", "many/1/summary.json", "single/summary.json"]
    assert n_runs(folder) == 3 + 1  # the jobs of -m have a home


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [("hydra.sweeper.n_jobs=1",), ("hydra.sweeper.n_jobs=2",)])
def test_a_tuning_sweep_has_one_store_and_one_study(folder: Path, launcher: Sequence[str]) -> None:
    tuning = (
        "hydra/sweeper=fedrec_optuna",
        "hydra.sweeper.n_trials=2",
        "hydra.sweeper.storage=sqlite:///study.db",
        "hydra.sweep.dir=tuned",
    )
    ended = fedrec(folder, "-m", *STORED, *tuning, *launcher, "system.learning_rate=interval(0.5,1)")
    assert ended.returncode == 0, ended.stderr
    assert found(folder, "*.db") == ["own.db", "study.db"]
    assert found(folder, "summary.json")[-2:] == ["tuned/trial_0000/summary.json", "tuned/trial_0001/summary.json"]
    assert n_runs(folder) == 1 + 2 * 2  # the sweep, its trials and their runs


@pytest.mark.parametrize("arguments", [("hydra.run.dir=run",), ("-m", "hydra.sweep.dir=sweep", "seed=0,1")])
def test_a_part_of_ones_own_reads_there_and_writes_here(
    program: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str]
) -> None:
    """The folder of the program's fixture is its working directory, and stays so."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_marker.py").write_text(CALLBACK)
    (tmp_path / "here.txt").touch()
    (tmp_path / "mine/tracking").mkdir(parents=True)
    (tmp_path / "mine/tracking/marker.yaml").write_text("_target_: own_marker.Marker\npath: here.txt\n")
    ended = program("--config-dir", "mine", *TINY, "tracking=marker", "hydra.job.chdir=true", *arguments)
    assert ended.returncode == 0, ended.stderr
    assert Path.cwd() == tmp_path
    assert found(tmp_path, "written") == (["run/written"] if "-m" not in arguments else ["sweep/0/written", "sweep/1/written"])
