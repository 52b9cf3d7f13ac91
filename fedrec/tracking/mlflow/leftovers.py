"""Brings to MLflow what runs have left in their folders, once neither they nor their writers are at work."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import Timeout

from fedrec.tracking.mlflow.arrived import only_writer
from fedrec.tracking.mlflow.delivery import Delivery
from fedrec.tracking.mlflow.open_store import is_permanent, one_line
from fedrec.tracking.mlflow.parent_runs import finish
from fedrec.tracking.mlflow.run_record import claimed, is_recorded, recorded, recorded_ending, remove, undelivered
from fedrec.tracking.mlflow.store_uri import locate_store


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has become of one run."""

    folder: Path  # of its tracking
    uri: str = ""  # of the store, without a password
    run_id: str | None = None  # None: it is not in the store, or nobody knows
    is_busy: bool = False  # whether it or its writer is still at work, so it was left alone
    failure: str = ""  # why it was not delivered


def deliver(folders: Iterable[Path], uri: str | None, retry_seconds: float, own_key: str = "") -> Iterator[Outcome]:
    """Deliver the runs of tracking folders to the stores that they name, or to `uri`. A store that cannot be opened is tried once.

    The caller is the only writer of the run with `own_key`.
    """
    closed: dict[str, str] = {}  # address -> why it cannot be opened
    for folder in folders:
        try:
            key = recorded(folder)["key"]
            with claimed(folder) as is_ours, nullcontext() if key == own_key else only_writer(key, timeout=0):
                yield _deliver(folder, uri, retry_seconds, closed) if is_ours else Outcome(folder, is_busy=True)
        except Timeout:  # another process of the same run writes to the store
            yield Outcome(folder, is_busy=True)
        except (OSError, ValueError, KeyError) as error:
            if is_recorded(folder):  # else another process has just delivered it
                yield Outcome(folder, failure=one_line(error))


def deliver_earlier(description: Mapping[str, Any], report: Callable[..., None]) -> None:
    """Deliver what earlier runs have left in the folder of the run that is described, as far as they belong to the same store.

    So is what earlier processes of this run have left, wherever that is.
    """
    own = Path(description["folder"])
    folders = [folder for folder in undelivered(own.parent) if folder.parent == own.parent and folder != own]
    for folder in (*folders, *map(Path, description.get("earlier", ()))):
        with suppress(OSError, ValueError, KeyError):  # damaged files
            if recorded(folder)["public_uri"] == description["public_uri"]:
                report(earlier=[outcome.run_id for outcome in deliver([folder], description["uri"], 0.0, description["key"])])


def _deliver(folder: Path, uri: str | None, retry_seconds: float, closed: dict[str, str]) -> Outcome:
    description = {**recorded(folder), "retry_seconds": retry_seconds}
    if uri is not None:
        address = locate_store(uri)
        description |= {**address.describe(description["experiment"]), "public_uri": address.public_uri}
    public_uri = description["public_uri"]
    if public_uri in closed:
        return Outcome(folder, public_uri, failure=closed[public_uri])
    if description.get("is_parent"):
        try:
            run_id = finish(description, recorded_ending(folder))
        except Exception as error:
            if not is_permanent(error):
                closed[public_uri] = one_line(error)
            return Outcome(folder, public_uri, failure=one_line(error))
        remove(folder)
        return Outcome(folder, public_uri, run_id)
    delivery = Delivery(description, lambda **news: None)
    delivery.end(recorded_ending(folder))
    failure = delivery.complete()
    if failure and delivery.run_id is None:
        closed[public_uri] = failure
    return Outcome(folder, public_uri, delivery.run_id, failure=failure)
