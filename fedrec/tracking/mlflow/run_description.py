"""What MLflow is told about a run besides its metrics: name, parameters, tags, data set, git revision, as the flat text that it takes."""

import functools
import getpass
import hashlib
import json
import os
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedrec.config.choices import names
from fedrec.config.run_name import run_name as name_of
from fedrec.config.secrets import masked
from fedrec.tracking.id_maps import in_words
from fedrec.tracking.mlflow.reported import LONGEST_TAG, REVISION, measures, metric_name

if TYPE_CHECKING:
    from fedrec.interfaces import RunInfo

PARENT, MULTIRUN = "FEDREC_PARENT_RUN", "FEDREC_MULTIRUN"  # variables of a job: the run that it lies below, and the folder of all jobs
_LONGEST_PARAMETER = 6000  # limits of MLflow
_LONGEST_DIGEST = 36
_CHECKOUT = Path(__file__).parents[3]


def describe(info: "RunInfo", run_name: str | None, tags: Mapping[str, object]) -> dict[str, Any]:
    """Return what `StoredRun` writes about the run of `info`; under `run_name` or a name of its own. No secret is in it."""
    config = masked(info.config)
    chosen = names(config)
    source = {"mlflow.source.name": "fedrec.main", "mlflow.source.type": "LOCAL"}
    targets = in_words(info.target_ids, info.target_titles)[:LONGEST_TAG]
    told = {"target_items": targets} if targets else {}  # a store may refuse an empty tag
    own_tags = {**revision(), "mlflow.user": _user(), **source, "data_checksum": info.data_checksum, **told}
    return {
        "key": uuid.uuid4().hex,
        "started": int(time.time() * 1000),
        "run_name": masked(run_name) or name_of(config),
        "tags": {**own_tags, **_home(), **chosen, **{name: str(value) for name, value in masked(tags).items()}},
        "parameters": parameters(config),
        "about": {**chosen, **measures(config)},
        "dataset": {
            "name": chosen["dataset"],
            "digest": info.data_checksum[:_LONGEST_DIGEST],
            "source_type": "fedrec",
            "source": json.dumps(config.get("dataset", {}), default=str),
            "profile": json.dumps(plain(info.statistics)),
        },
    }


def parameters(config: Mapping[str, Any], longest: int | None = _LONGEST_PARAMETER) -> dict[str, str]:
    """Return the configuration with dotted keys, lists as JSON and texts cut to what MLflow takes, or not cut.

    >>> parameters({"seed": 0, "attack": {"N": 50, "targets": [3, 4]}})
    {'seed': '0', 'attack.N': '50', 'attack.targets': '[3, 4]'}
    """
    texts = ((name, value if isinstance(value, str) else json.dumps(value, default=str)) for name, value in _leaves(config, "."))
    return {name: text[:longest] for name, text in texts}


def plain(values: Mapping[str, Any]) -> Any:
    """Return `values` as JSON can hold them: numbers of NumPy and PyTorch as numbers, anything unknown as text."""
    return json.loads(json.dumps(dict(values), default=lambda value: value.item() if hasattr(value, "item") else str(value)))


def code_of(tags: Mapping[str, str]) -> str:
    """Return in a word which code a run belongs to; nothing if it was no checkout.

    >>> code_of({"mlflow.source.git.commit": "5290c73ec33522383037382ae5e5eb02c62369c2", "mlflow.source.git.dirty": "true"})
    '5290c73ec335+changes'
    """
    commit, dirty, changes = (tags.get(name, "") for name in REVISION)
    return commit[:12] + f"+changes{changes}" * (dirty == "true")


def git_tags(folder: Path) -> dict[str, str]:
    """Return the commit of the checkout `folder`, whether its files have changed since, and a digest of the changes."""
    if not (folder / ".git").exists():
        return {}
    try:
        commit, _, dirty = _git(folder, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty").strip().partition("-")
        changes = hashlib.sha256(_git(folder, "diff", "HEAD").encode()).hexdigest()[:8] if dirty else ""
    except (OSError, subprocess.SubprocessError):
        return {}
    found = zip(REVISION, (commit, str(bool(dirty)).lower(), changes), strict=True)
    return {name: value for name, value in found if value}


def _git(folder: Path, *arguments: str) -> str:
    command = ("git", "-C", str(folder), *arguments)
    return subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=True, timeout=10).stdout


def _home() -> dict[str, str]:
    tags = {"mlflow.parentRunId": os.environ.get(PARENT, ""), "multirun": os.environ.get(MULTIRUN, "")}
    return {name: value for name, value in tags.items() if value}


@functools.cache  # the code that runs is the one that was imported
def revision() -> dict[str, str]:
    """Return what `git_tags` says of the code that runs."""
    return git_tags(_CHECKOUT)


def _leaves(tree: Mapping[str, Any], separator: str, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of nested mappings with the keys on the way to it."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, separator, f"{prefix}{key}{separator}")
        else:
            yield metric_name(f"{prefix}{key}"), value


def _user() -> str:
    with suppress(KeyError, OSError):  # a container may know no user names
        return getpass.getuser()
    return "unknown"
