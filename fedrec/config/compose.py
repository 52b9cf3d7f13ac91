"""Yaml files -> configuration: where the files lie, and what Hydra must know before it reads them."""

import contextlib
import copy
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import hydra
import hydra._internal.hydra
import omegaconf.base
import omegaconf.grammar_parser
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.core_plugins.file_config_source import FileConfigSource as HydraFiles
from hydra._internal.sources_registry import SourcesRegistry
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.core.utils import JobRuntime
from hydra.plugins.config_source import ConfigResult
from hydra.version import VersionBase, setbase
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from fedrec.config.secrets import rewrite, stowed, without_references
from fedrec.config.yaml_files import FileConfigSource

PACKAGE = Path(__file__).resolve().parents[1]
PLUGINS = PACKAGE / "sweeps" / "plugin"  # holds the namespace package hydra_plugins
FOLDER = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"  # in a wheel, else in a checkout
VERSION_BASE = "1.3"  # of Hydra, whose later versions may have other defaults
RESOLVERS: dict[str, Callable[..., object]] = {
    "if_below": lambda value, limit, below, otherwise: below if value < limit else otherwise,  # ${if_below:VALUE,LIMIT,BELOW,OTHERWISE}
    "env_or": lambda name, otherwise: os.environ.get(name) or otherwise,  # ${env_or:VARIABLE,OTHERWISE}; an empty variable is none
    "if_equal": lambda value, other, equal, otherwise: equal if value == other else otherwise,  # ${if_equal:VALUE,OTHER,EQUAL,OTHERWISE}
}

_parse = lru_cache(1000)(omegaconf.grammar_parser.parse)  # what it returns is only read


class Repository(ConfigRepository):
    """Reads each file once for all configurations that a loader composes in a process: reading takes half of their time."""

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self._read: dict[tuple[str, ...], bytes] = {}  # what a file holds: Hydra changes what it gets, and bytes are copied quickly

    def __deepcopy__(self, memo: Any) -> "Repository":
        """Return another repository that shares what has been read: Hydra copies it for every configuration, to change its sources."""
        other = copy.copy(self)
        other._read = self._read
        return other

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what has been read: a launcher may write it to disk for its workers, and a file may hold a password."""
        return {**self.__dict__, "_read": {}}

    def load_config(self, config_path: str) -> ConfigResult | None:
        place = (config_path, *(source.path for source in self.sources))
        if place in self._read:
            known: ConfigResult | None = pickle.loads(self._read[place])
            return known
        found = super().load_config(config_path)
        with contextlib.suppress(pickle.PicklingError, AttributeError, TypeError):  # pickle does not find every class of a plug-in
            self._read[place] = pickle.dumps(found)
        return found


class Loader(ConfigLoaderImpl):
    """Hydra's loader of configurations. What it returns refers to passwords and tokens, and holds none: Hydra saves it."""

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self.repository = Repository(config_search_path)

    def load_configuration(self, *arguments: Any, **options: Any) -> DictConfig:
        config = super().load_configuration(*arguments, **options)
        before: Any = OmegaConf.to_container(config)
        after = stowed(before)
        after["hydra"]["job"]["override_dirname"] = without_references(after["hydra"]["job"]["override_dirname"])  # may name a folder
        with read_write(config), open_dict(config):
            rewrite(config, before, after)
        return config


def register() -> None:
    """Make fedrec's resolvers, loader and Hydra plug-ins known in this process. A configuration can be neither composed nor read before.

    OmegaConf parses a reference such as `${...beta}` whenever it is looked up, in a millisecond. The few that there are get parsed once.
    """
    hydra._internal.hydra.ConfigLoaderImpl = Loader  # type: ignore[attr-defined]  # a private name; Hydra has no hook before it saves
    for module in (omegaconf.base, omegaconf._utils):
        module.parse = _parse  # type: ignore[attr-defined]  # a name that OmegaConf offers nobody
    register_references()
    if str(PLUGINS) not in sys.path:
        sys.path.append(str(PLUGINS))
        if Plugins in Singleton._instances:  # another application has had Hydra look for plug-ins already
            own = import_module("hydra_plugins.fedrec_plugins")
            for plugin in (one for one in vars(own).values() if getattr(one, "__module__", "") == own.__name__):
                Plugins.instance().register(plugin)
    SourcesRegistry.instance().types[FileConfigSource.scheme()] = FileConfigSource


def register_references() -> None:
    """Let configurations say `${if_below:...}` and `${if_equal:...}`."""
    for name, resolver in RESOLVERS.items():
        OmegaConf.register_new_resolver(name, resolver, replace=True)


@contextlib.contextmanager
def initialized(job_name: str = "main", folder: str = str(FOLDER)) -> Iterator[None]:
    """Let Hydra compose the files of conf/, or of another folder. Meanwhile another application of Hydra in this process is put aside."""
    loader, files = hydra._internal.hydra.ConfigLoaderImpl, SourcesRegistry.instance().types.get("file", HydraFiles)  # type: ignore[attr-defined]
    version, name = VersionBase.instance().version_base, copy.copy(JobRuntime.instance().conf)
    other = Singleton._instances.pop(GlobalHydra, None)
    register()
    try:
        with hydra.initialize_config_dir(folder, job_name, version_base=VERSION_BASE):
            yield
    finally:
        hydra._internal.hydra.ConfigLoaderImpl = loader  # type: ignore[attr-defined]
        SourcesRegistry.instance().types["file"] = files
        VersionBase.instance().version_base, JobRuntime.instance().conf = version, name
        if other is not None:
            Singleton._instances[GlobalHydra] = other


def own_loader() -> Loader:
    """Return a loader of the files of conf/, also while Hydra composes from another folder."""
    register()
    setbase(VERSION_BASE)
    return Loader(create_config_search_path(str(FOLDER)))


def compose(*overrides: str) -> DictConfig:
    """Return the configuration that `python -m fedrec.main OVERRIDES` runs with, for tests, benchmarks and notebooks."""
    with initialized():
        return hydra.compose("config", list(overrides))
