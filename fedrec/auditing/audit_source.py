"""Where the data of an audit come from, so that no audit takes the place of that of other data."""

import json
import os
from pathlib import Path

from omegaconf import DictConfig

from fedrec.config.validation import ConfigError

_OWN = {"table": "path", "presplit": "root"}  # data sets of somebody's own -> the option that names the file or the folder


def name_of_data(config: DictConfig) -> str:
    """Return the name of the data set; that of a file of somebody's own is the file's."""
    choice, file = _choice_and_file(config)
    return choice if file is None else file.stem


def source_of(config: DictConfig, folder: Path) -> str:
    """Return the data set, with the file of somebody's own as seen from the folder of the audit: both may move together."""
    choice, file = _choice_and_file(config)
    if file is None:
        return choice
    try:
        return f"{choice} {Path(os.path.relpath(file.absolute(), folder.absolute())).as_posix()}"
    except ValueError:  # another drive of Windows
        return f"{choice} {file.absolute().as_posix()}"


def refuse_other_data(folder: Path, source: str) -> None:
    """Raise ConfigError if the folder holds the page of other data. New contents of the same file are the same data, and so is a page
    that does not tell its data."""
    try:
        before = json.loads((folder / "audit.json").read_text(encoding="utf-8"))["facts"]["source"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if before != source:
        raise ConfigError(
            f"{folder} holds the audit of other data ({before}, not {source}), whose page would be lost; folder=FOLDER chooses another one"
        )


def _choice_and_file(config: DictConfig) -> tuple[str, Path | None]:
    choice = str(config.hydra.runtime.choices.dataset)
    return choice, Path(str(config.dataset[_OWN[choice]])) if choice in _OWN else None
