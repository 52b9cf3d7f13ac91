"""The attacks and defenses that somebody gives an audit: each is checked before anything is run."""

import re
from collections.abc import Sequence

import hydra
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from fedrec.config.build import check
from fedrec.config.compose import FOLDER
from fedrec.config.validation import ConfigError, did_you_mean

_COMBINED = r"\[\w+(,\w+)*\]"


def existing(group: str, given: Sequence[str], config: DictConfig, common: Sequence[str]) -> list[str]:
    """Return the choices of a group, `attack` or `defense`, each once, without `none`. `common` are the overrides of every run.

    Raises ConfigError if one of them does not exist, is no combination of defenses, or cannot be built. The files of conf/ can.
    """
    searched = [f"hydra.searchpath=[{','.join(config.hydra.searchpath)}]"]
    known = sorted(GlobalHydra.instance().config_loader().get_group_options(group, overrides=searched))
    for choice in dict.fromkeys(given):
        _check_name(group, choice, known)
        if not (FOLDER / group / f"{choice}.yaml").is_file():
            check(hydra.compose("config", [*common, f"{group}={choice}"]))
    return [choice for choice in dict.fromkeys(given) if choice != "none"]


def _check_name(group: str, choice: str, known: Sequence[str]) -> None:
    names = choice.strip("[]").split(",")
    if names != [choice]:
        if group == "attack":
            raise ConfigError(f"attacks={choice}: attacks are not combined; attacks=A,B tries both")
        if not re.fullmatch(_COMBINED, choice):
            raise ConfigError(f"defenses={choice}: a combination is written as [A,B]")
        if "none" in names:
            raise ConfigError(f"defenses={choice}: none is no part of a combination; no defense takes part anyway")
    for name in names:
        if name not in known:
            raise ConfigError(f"{group}s={choice}: there is no {group} {name}; choose from {', '.join(known)}{did_you_mean([name], known)}")
