"""What the writer process answers to `requests.ask`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fedrec.tracking.mlflow.leftovers import deliver
from fedrec.tracking.mlflow.open_store import is_permanent, one_line, open_store
from fedrec.tracking.mlflow.parent_runs import setup
from fedrec.tracking.mlflow.run_record import undelivered


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Do what is `wanted`: `check` the store, `setup` a parent run, or `deliver` what lies in a `folder` and below it.

    Return the id of the run, or nothing, as `answer`. If that fails, return the reason as `failed` instead, and as `permanent`
    whether trying again cannot help. `request` also holds what `StoreAddress.describe` returns, and the `arguments`.
    """
    arguments = request["arguments"]
    try:
        if request["wanted"] == "check":
            open_store(request)
        elif request["wanted"] == "setup":
            return {"answer": setup({**request, **arguments})}
        else:
            failures = [one.failure for one in deliver(undelivered(Path(arguments["folder"])), request["uri"], 0.0) if one.failure]
            if failures:
                return {"failed": failures[0], "permanent": False}
    except Exception as error:
        return {"failed": one_line(error), "permanent": is_permanent(error)}
    return {"answer": ""}
