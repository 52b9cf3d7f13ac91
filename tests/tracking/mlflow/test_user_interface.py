from pathlib import Path

from fedrec.tracking.mlflow.user_interface import page_of

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
