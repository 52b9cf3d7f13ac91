"""MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME, which count where nobody says anything else."""

from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from fedrec.config.compose import compose
from tests.cli.program import TINY, fedrec
from tests.passwords import ENCODED, holders, shows

STORE, EXPERIMENT = "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"


def test_a_variable_counts_unless_it_is_empty_or_an_option_says_something_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(STORE, "sqlite:///theirs.db")
    monkeypatch.setenv(EXPERIMENT, "theirs")
    assert (compose().tracking.uri, compose().tracking.experiment) == ("sqlite:///theirs.db", "theirs")
    given = compose("tracking.uri=sqlite:///mine.db", "tracking.experiment=mine").tracking
    assert (given.uri, given.experiment) == ("sqlite:///mine.db", "mine")
    monkeypatch.setenv(STORE, "")
    monkeypatch.delenv(EXPERIMENT)
    assert (compose().tracking.uri, compose().tracking.experiment) == ("sqlite:///mlflow.db", "fedrec")


@pytest.mark.slow
def test_a_password_in_a_variable_is_shown_nowhere(tmp_path: Path) -> None:
    """A store that does not answer ends the run; what that leaves behind refers to the variable."""
    ended = fedrec(tmp_path, *TINY, "tracking=mlflow", **{STORE: f"postgresql+psycopg://me:{ENCODED}@localhost:1/runs"})
    assert ended.returncode == 2
    assert "error: tracking.uri=postgresql+psycopg://me:***@localhost:1/runs" in ended.stderr
    assert not shows(ended.stdout + ended.stderr)
    assert holders(tmp_path) == []
    (config,) = tmp_path.glob("outputs/*/*/.hydra/config.yaml")
    assert "uri: ${env_or:MLFLOW_TRACKING_URI,sqlite:///mlflow.db}" in config.read_text()


@pytest.mark.slow
def test_a_variable_that_names_no_store_is_named(tmp_path: Path) -> None:
    ended = fedrec(tmp_path, *TINY, "tracking=mlflow", **{STORE: "./mlruns"})
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: tracking.uri=./mlruns (from MLFLOW_TRACKING_URI): not the address of an MLflow store")


@pytest.mark.slow
def test_jobs_of_a_multirun_go_to_the_store_of_the_variable(tmp_path: Path) -> None:
    variables = {STORE: "sqlite:///theirs.db", EXPERIMENT: "theirs"}
    ended = fedrec(tmp_path, *TINY, "tracking=mlflow", "-m", "seed=1,2", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", **variables)
    assert ended.returncode == 0, ended.stderr
    client = MlflowClient(f"sqlite:///{tmp_path}/theirs.db")
    (experiment,) = client.search_experiments(filter_string="name = 'theirs'")
    assert len(client.search_runs([experiment.experiment_id])) == 3  # two jobs and their home
    assert (tmp_path / "mlartifacts" / "theirs").is_dir()
