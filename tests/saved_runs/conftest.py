"""One run that several tests read, and a copy of its folder for those that change it."""

import shutil
from pathlib import Path

import pytest

from fedrec.experiment import Experiment
from tests.saved_runs.small_runs import ended


@pytest.fixture(scope="session")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    return ended(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture
def copied(experiment: Experiment, tmp_path: Path) -> Path:
    return Path(shutil.copytree(experiment.info.folder, tmp_path / "run"))
