import io
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedrec.config.validation import ConfigError
from fedrec.tracking.mlflow import requests
from fedrec.tracking.mlflow.requests import ask, require_server
from fedrec.tracking.mlflow.store_uri import StoreAddress, locate_store
from fedrec.tracking.mlflow.writer_client import lost_stores
from tests.tracking.stores import locked


class Refusing:
    """A writer whose store can never do what is asked."""

    answers = io.BytesIO(b'{"failed": "the experiment was deleted", "permanent": true}\n')

    def start(self, message: object) -> None:
        pass


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody else gets meanwhile, and that refuses every connection."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize("uri", ["http://127.0.0.1:{}", "postgresql+psycopg://me:secret@127.0.0.1:{}/runs"])
def test_a_server_that_does_not_answer_is_told_in_one_line(closed_port: int, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    address = locate_store(uri.format(closed_port))
    with pytest.raises(ConfigError, match=re.escape(f"tracking.uri={address.public_uri}: ")) as caught:
        require_server(address, "trial")
    assert "Connection refused" in str(caught.value)
    assert "\n" not in str(caught.value) and "secret" not in str(caught.value)


def test_a_lost_server_is_asked_once(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    address = locate_store(f"http://127.0.0.1:{closed_port}")
    with pytest.raises(RuntimeError, match="Connection refused"):
        ask(address, "trial", "check")
    monkeypatch.setattr(requests, "acquire", None)
    with pytest.raises(RuntimeError, match="could not be reached before"):
        ask(address, "trial", "check")


def test_a_locked_file_is_asked_again(tmp_path: Path) -> None:
    address = locate_store("sqlite:///mlflow.db")
    lock = locked(tmp_path / "mlflow.db")
    with pytest.raises(RuntimeError, match="database is locked"):
        ask(address, "trial", "check")
    lock.close()
    assert ask(address, "trial", "check") == ""


def test_a_request_that_can_never_succeed_does_not_make_the_store_a_lost_one(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    address = locate_store(f"http://127.0.0.1:{closed_port}")
    monkeypatch.setattr(requests, "acquire", lambda: Refusing())
    monkeypatch.setattr(requests, "release", lambda writer: None)
    with pytest.raises(RuntimeError, match="deleted"):
        ask(address, "trial", "check")
    assert address.public_uri not in lost_stores


def test_files_are_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "acquire", None)
    require_server(StoreAddress("sqlite:///x", tmp_path, None), "trial")
