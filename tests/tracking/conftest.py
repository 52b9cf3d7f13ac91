"""An empty store for every test, so that no test but those of `open_store` waits until MLflow has made one."""

import shutil
from pathlib import Path

import pytest

from fedrec.tracking.mlflow.open_store import open_experiment
from fedrec.tracking.mlflow.store_uri import locate_store


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    open_experiment(locate_store(f"sqlite:///{file}").describe("another"))
    return file


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_store: Path) -> None:
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
