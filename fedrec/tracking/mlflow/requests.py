"""Requests that the writer process, which has imported MLflow, answers at once."""

import json
from collections.abc import Mapping
from typing import Any

from fedrec.config.validation import ConfigError
from fedrec.tracking.mlflow.store_uri import StoreAddress
from fedrec.tracking.mlflow.writer_client import lost_stores
from fedrec.tracking.mlflow.writer_process import acquire, release


def ask(address: StoreAddress, experiment: str, wanted: str, **arguments: Any) -> str:
    """Return the answer of `answers.answer`. Raises RuntimeError if the store refuses, or at once if it is lost."""
    if address.public_uri in lost_stores:
        raise RuntimeError("it could not be reached before")
    writer = acquire()
    writer.start({**address.describe(experiment), "wanted": wanted, "arguments": arguments})
    line = writer.answers.readline()
    if not line.endswith(b"\n"):
        raise RuntimeError(writer.end())
    release(writer)
    news: Mapping[str, Any] = json.loads(line)
    if "failed" in news:
        if address.database is None and not news["permanent"]:  # a file that is locked answers within a second
            lost_stores.add(address.public_uri)
        raise RuntimeError(news["failed"])
    return str(news["answer"])


def require_server(address: StoreAddress, experiment: str) -> None:
    """Raise ConfigError if the store is a server that does not take runs. `locate_store` has looked at an SQLite file already."""
    if address.database is not None:
        return
    try:
        ask(address, experiment, "check")
    except RuntimeError as error:
        lost_stores.discard(address.public_uri)  # the program ends; who calls it in a notebook may try again
        raise ConfigError(f"tracking.uri={address.public_uri}: {error}; start the server, or choose tracking=none") from None
