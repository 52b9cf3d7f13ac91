"""The configuration as the package fedrec.conf, from which other applications of Hydra may compose."""

import posixpath
from collections.abc import Callable
from functools import wraps
from typing import Any

from hydra._internal.core_plugins.importlib_resources_config_source import ImportlibResourcesConfigSource

from fedrec.config.compose import register_references

_LOOKING = ("is_config", "is_group", "list", "load_config")  # methods that take the path of a file or a folder


def register_package() -> None:
    """Let Hydra compose the files of a package that refer to each other as those of conf/ do.

    Without a word Hydra would leave out `by_model/ours/../ncf/ours`, the settings of a part under one model, because a package has no
    folder `by_model/ours`. A folder needs none: there Hydra resolves the dots first.
    """
    register_references()
    for name in _LOOKING:
        setattr(ImportlibResourcesConfigSource, name, _without_dots(getattr(ImportlibResourcesConfigSource, name)))


def _without_dots(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def looking(source: Any, config_path: str, *arguments: Any, **named: Any) -> Any:
        return method(source, posixpath.normpath(config_path) if ".." in config_path else config_path, *arguments, **named)

    return looking
