"""One override of a command line or of a sweep, looked at before anything is composed with it."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, Glob, Override, RangeSweep

from fedrec.config.compose import FOLDER
from fedrec.config.validation import ConfigError

MOST_JOBS = 100_000  # of a sweep
CALLED = ("hydra.callbacks", "hydra.job_logging", "hydra.hydra_logging")  # below them Hydra and `logging` call what a value names
OWN = "fedrec"  # conf/hydra/fedrec.yaml
CALLABLE = ("_target_", "class", "()")  # under these keys
IDS = "attack.targets"  # whose whole numbers are ids, and so must be what was typed


def check_override(override: Override, folders: Iterable[Path] = ()) -> None:
    """Raise ConfigError, one line, if a group is set to anything but choices, or an override names code or has no end of values.

    `folders` are those of the user, which may hold further groups.
    """
    key, text = override.key_or_group, override.input_line
    is_foreign = key == "hydra" and override.value() != OWN
    names_code = "{" in str(text) or key.rpartition(".")[2] in CALLABLE
    if is_foreign or (key.startswith(CALLED) and names_code):
        raise ConfigError(f"{text}: the command line names no code that Hydra calls; a file of your own may (--config-dir)")
    if isinstance(override.value(), RangeSweep):
        _check_size(override)
    if key == IDS:
        _check_ids(override)
    is_group = "/" in key or any((folder / key).is_dir() for folder in (FOLDER, *folders))
    if is_group and not override.is_delete():
        _check_choices(override)
    elif isinstance(override.value(), Glob):
        raise ConfigError(f"{text}: glob(...) stands for choices of a group, and {key} is an option; list its values: {key}=A,B")


def _check_choices(override: Override) -> None:
    value: Any = override.value()
    if isinstance(value, dict | Glob):  # options of the group, or choices that exist
        return
    for choice in value.list if isinstance(value, ChoiceSweep) else [value]:
        names: list[Any] = [getattr(one, "text", one) for one in (choice if isinstance(choice, list) else [choice])]
        if not names or not all(isinstance(name, str) for name in names):
            raise ConfigError(f"{override.input_line}: a group takes the name of a choice, or several as [A,B]")
        if wrong := [name for name in names if not is_name(name)]:
            raise ConfigError(
                f"{override.input_line}: {wrong[0] or 'nothing'} is no name of a choice; --config-dir takes a folder with files of your own"
            )
        if len(set(names)) < len(names):
            raise ConfigError(f"{override.input_line}: a choice stands twice in the list")


def is_name(text: str) -> bool:
    """Return whether a text may be the name of a choice, `paper/table4` for instance. A path is none."""
    return not text.endswith(".yaml") and not {"", ".", ".."}.intersection(text.split("/"))


def _check_ids(override: Override) -> None:
    """Raise ConfigError if Hydra reads a whole number that was not typed so: 1_000 would name the item 1000."""
    value: Any = override.value()
    lists = value.list if isinstance(value, ChoiceSweep) else [value]
    numbers = [one for ids in lists if isinstance(ids, list) for one in ids if type(one) is int]
    if changed := [one for one in numbers if not re.search(rf"(?<![\w+.-]){one}(?![\w.])", str(override.input_line))]:
        how = f"quote it, so that it stays as it is: '{IDS}=[\"1_000\"]'"
        raise ConfigError(f"{override.input_line}: an id was read as {changed[0]}; {how}")


def _check_size(override: Override) -> None:
    value: Any = override.value()
    n = abs((value.stop - value.start) / value.step) if value.step else float("inf")
    if not n <= MOST_JOBS:
        raise ConfigError(f"{override.input_line}: a range has at most {MOST_JOBS} values, and its step is not 0")
