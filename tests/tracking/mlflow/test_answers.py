from pathlib import Path

from fedrec.tracking.mlflow.answers import answer
from fedrec.tracking.mlflow.store_uri import locate_store
from tests.tracking.stores import stored


def test_what_is_wanted(tmp_path: Path) -> None:
    store = locate_store("sqlite:///mlflow.db").describe("trial")
    assert answer({**store, "wanted": "check", "arguments": {}}) == {"answer": ""}
    run = {"key": "k", "run_name": "sweep", "tags": {}, "started": 1_000}
    made = answer({**store, "wanted": "setup", "arguments": run})
    assert made == {"answer": stored(tmp_path)[1][0].info.run_id}
    assert answer({**store, "wanted": "deliver", "arguments": {"folder": str(tmp_path)}}) == {"answer": ""}


def test_what_fails_is_told(tmp_path: Path) -> None:
    store = locate_store("sqlite:///mlflow.db").describe("trial")
    (tmp_path / "mlflow.db").write_text("no database " * 1000)
    assert answer({**store, "wanted": "check", "arguments": {}}) == {"failed": "file is not a database", "permanent": False}
