"""One whole sweep that many tests look at. It runs once, whatever process of pytest asks for it first."""

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

pytest.register_assert_rewrite("tests.sweeps.sweeps", "tests.tracking.runs")
from tests.sweeps.sweeps import DATA, ONE, sweep  # noqa: E402

DEFENSE = (
    *(*DATA, "system.epochs=15", "evaluation.every=5", "attack.N=10", "defense.N=range(1,20)", "sweep.seeds=2", "sweep.fresh_seeds=2"),
    *(ONE, "sweep=defense", "hydra.sweeper.pruner.n_startup_trials=2", "hydra.sweeper.pruner.n_warmup_steps=0"),
)


@pytest.fixture(scope="session")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep of six trials with MLflow. It is for reading only; the files `output` and `errors` hold what was printed."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "tuned"
    with FileLock(f"{folder}.lock"):
        if not (folder / "output").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            ended = sweep(folder, *DEFENSE, "hydra.sweeper.n_trials=6", pictures=True)
            assert ended.status == 0, ended.errors
            (folder / "errors").write_text(ended.errors)
            (folder / "output").write_text(ended.output)
    return folder


@pytest.fixture
def continued(tuned: Path, tmp_path: Path) -> Path:
    """A folder in which a command continues the sweep; nothing is tracked there."""
    shutil.copytree(tuned / "multirun", tmp_path / "multirun")
    return tmp_path
