import json
from pathlib import Path

import pytest

from fedrec.tracking.mlflow.user_interface import page_of, page_of_run, start_of_ui

PAGE = "/#/experiments/3/runs?workflowType=machine_learning&viewStateShareKey=fedrec"


def test_a_file_is_named_from_the_working_directory(tmp_path: Path) -> None:
    command, link = page_of(f"sqlite:///{tmp_path}/my runs.db", "3")
    assert link == f"  then open http://localhost:5000{PAGE}"
    assert command == "MLflow: mlflow ui --backend-store-uri 'sqlite:///my runs.db' --workers 1"
    assert "sqlite:////other/mlflow.db" in page_of("sqlite:////other/mlflow.db", "3")[0]


def test_a_server_has_its_own_ui() -> None:
    assert page_of("http://me:***@host:5000/", "3") == [f"MLflow: http://me:***@host:5000{PAGE}"]


def test_a_database_is_served_from_here() -> None:
    assert "--backend-store-uri postgresql://me@host/runs " in page_of("postgresql://me@host/runs", "3")[0]


@pytest.mark.parametrize(
    ("uri", "address"), [("sqlite:////x/mlflow.db", "http://localhost:5000"), ("https://me.example/mlflow/", "https://me.example/mlflow")]
)
def test_a_run_has_a_page(uri, address, tmp_path):
    told = {"mlflow_run_id": "abc", "mlflow_uri": uri, "mlflow_experiment_id": "7"}
    (tmp_path / "summary.json").write_text(json.dumps(told), encoding="utf-8")
    assert page_of_run(tmp_path) == f"{address}/#/experiments/7/runs/abc"
    assert (start_of_ui(uri) is None) == uri.startswith("https")


@pytest.mark.parametrize("content", [None, "", "{}", '{"mlflow_run_id": null}'])
def test_a_run_that_is_not_in_mlflow_has_no_page(content, tmp_path):
    if content is not None:
        (tmp_path / "summary.json").write_text(content, encoding="utf-8")
    assert page_of_run(tmp_path) is None
