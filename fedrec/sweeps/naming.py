"""What a study depends on, and the name that follows from it: the same command finds its study again, another one does not."""

import hashlib
import json
from typing import Any

from omegaconf import DictConfig, OmegaConf

from fedrec.tracking.mlflow.run_description import names, parameters

_IRRELEVANT = ("hydra", "tracking", "threads", "device")
_SETTINGS = ("direction", "params", "sampler", "pruner")  # n_trials may grow


def relevant_options(config: DictConfig) -> dict[str, str]:
    """Name -> value, both as text, of a configuration with its `hydra` node."""
    plain: Any = OmegaConf.to_container(config, resolve=False)
    settings = plain["hydra"]["sweeper"]
    options = {name: node for name, node in plain.items() if name not in _IRRELEVANT}
    swept = [text for text in plain["hydra"]["overrides"]["task"] if not _is_fixed(text)]
    return parameters({**options, "sweeper": {name: settings.get(name) for name in _SETTINGS}, "swept": sorted(swept)})


def study_name(*, _root_: DictConfig) -> str:
    """Resolver `${study_name:}`, for instance defense-pieck_uea-ours-mf-ml100k-1a2b3c: a digest of all options at the end."""
    choices = {group: choice for group, choice in _root_.hydra.runtime.choices.items() if choice is not None}
    plain: Any = OmegaConf.to_container(_root_, resolve=False)
    digest = hashlib.sha256(json.dumps(relevant_options(_root_), sort_keys=True).encode()).hexdigest()[:6]
    return "-".join([choices.get("sweep", "sweep"), *names({**plain, "choices": choices}).values(), digest])


def _is_fixed(override: str) -> bool:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return not OverridesParser.create().parse_override(override).is_sweep_override()


OmegaConf.register_new_resolver("study_name", study_name, replace=True)
