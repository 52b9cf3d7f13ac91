"""The name of a study. It follows from all options that the study depends on, so that the same command finds its study again."""

import hashlib
import json
from typing import Annotated, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf
from pydantic import Field

from fedrec.config.choices import names
from fedrec.tracking.mlflow.run_description import parameters

STUDY_NAME = Annotated[str, Field(min_length=1)]  # what a study may be called
_IRRELEVANT = ("hydra", "tracking", "checkpoint", "resume", "reference", "threads", "device")
_LEAVES = "model.save"  # what a run leaves in its folder is no part of its result
_SETTINGS = ("direction", "params", "sampler", "pruner")  # of the sweeper; n_trials may grow


def register_study_name() -> None:
    """Let configurations say `${study_name:}`."""
    OmegaConf.register_new_resolver("study_name", study_name, replace=True)


def study_name(*, _root_: DictConfig) -> str:
    """Return the choices of all groups and a digest of all options, defense-pieck_uea-ours-mf-ml100k-1a2b3c for instance."""
    choices = {group: choice for group, choice in _root_.hydra.runtime.choices.items() if choice is not None}
    plain: Any = OmegaConf.to_container(_root_, resolve=False)
    digest = hashlib.sha256(json.dumps(relevant_options(_root_), sort_keys=True).encode()).hexdigest()[:6]
    return "-".join([choices.get("sweep", "sweep"), *names({**plain, "choices": choices}).values(), digest])


def relevant_options(config: DictConfig) -> dict[str, str]:
    """Return the name and the text of all options that the study depends on, from a configuration with its node `hydra`."""
    plain: Any = OmegaConf.to_container(config, resolve=False)
    settings, parser = plain["hydra"]["sweeper"], OverridesParser.create()
    options = {name: node for name, node in plain.items() if name not in _IRRELEVANT}
    swept = [text for text in plain["hydra"]["overrides"]["task"] if parser.parse_override(text).is_sweep_override()]
    found = parameters({**options, "sweeper": {name: settings.get(name) for name in _SETTINGS}, "swept": sorted(swept)})
    return {name: text for name, text in found.items() if name != _LEAVES}
