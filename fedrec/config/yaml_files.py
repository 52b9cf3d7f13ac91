"""Yaml files, read with care: a mistake becomes one line that names the file, and no file fills the memory or names code of Python."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hydra._internal.core_plugins import file_config_source
from hydra.plugins.config_source import ConfigResult
from omegaconf import OmegaConf
from omegaconf._utils import get_yaml_loader
from omegaconf.errors import OmegaConfBaseException

from fedrec.config.validation import ConfigError

MOST_VALUES = 100_000  # of a file, once its aliases are written out: nine aliases of nine aliases of nine ... would fill any memory
MOST_BYTES = 1_000_000
TEXT, MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"  # what a key may be; the second is <<
WHOLE = "tag:yaml.org,2002:int"
IDS = "targets"  # of attack


class FileConfigSource(file_config_source.FileConfigSource):
    """Takes the place of Hydra's own source of files, which Hydra knows by this name. Only the reading differs."""

    def load_config(self, config_path: str) -> ConfigResult:
        """Return the file, its defaults list included. Raises ConfigError, one line, if it is no yaml that holds options."""
        path = Path(self.path, self._normalize_file_name(config_path)).resolve()
        content = read_yaml(path)
        try:
            header = self._get_header_dict(path.read_text(encoding="utf-8")[:512])
            return ConfigResult(self.provider, f"{self.scheme()}://{self.path}", OmegaConf.create(content), header)
        except OmegaConfBaseException as error:
            raise ConfigError(f"{path}: {error.full_key}: {str(error).splitlines()[0]}") from None
        except ValueError as error:
            raise ConfigError(f"{path}: {error}") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the options that a file holds, none if it is empty. Raises ConfigError, one line, if it is no yaml that holds options."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{path}: larger than {MOST_BYTES // 10**6} MB, which no configuration is")
        return _parsed(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 (byte {error.start + 1})") from None
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{path}{line}: {error.problem or error.context}") from None
    except RecursionError:
        raise ConfigError(f"{path}: its values lie too deep in each other") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path}: {str(error).splitlines()[0]}") from None


def _parsed(text: str) -> dict[str, Any]:
    loader = get_yaml_loader()(text)
    try:
        root = loader.get_single_node()
        if root is None or root.tag == "tag:yaml.org,2002:null":
            return {}
        if not isinstance(root, yaml.MappingNode):
            raise _refused("must hold options, KEY: VALUE", root)
        _count(root, {})
        content: dict[str, Any] = loader.construct_document(root)
        if not _is_defaults_list(content.get("defaults", [])):
            raise _refused("`defaults` must be a list of NAME and of GROUP: NAME", root)
        return content
    finally:
        loader.dispose()


def _is_defaults_list(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    choices = [one for entry in value for one in (entry.values() if isinstance(entry, dict) else [entry])]
    single = all(isinstance(entry, str) or (isinstance(entry, dict) and len(entry) == 1) for entry in value)
    return single and all(isinstance(choice, str | list | None) for choice in choices)


def _count(node: yaml.Node, known: dict[int, int]) -> int:
    """Return the number of values in a node with its aliases written out. Raises MarkedYAMLError if it is too high or has no end."""
    if known.setdefault(id(node), 0):
        return known[id(node)]
    inner = 0
    for child in _children(node):
        if known.get(id(child)) == 0:  # it is being counted
            raise _refused("an alias refers to the value that it lies in", child)
        inner += _count(child, known)
    known[id(node)] = 1 + inner
    if inner >= MOST_VALUES:
        raise _refused(f"more than {MOST_VALUES} values, because aliases multiply them", node)
    return 1 + inner


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.tag not in (TEXT, MERGE):
                raise _refused(f"the name of an option must be text{f', not {key.value}' * isinstance(key, yaml.ScalarNode)}", key)
            if key.value == IDS:
                _require_plain(value)
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _require_plain(ids: yaml.Node) -> None:
    """Raise MarkedYAMLError if an id would be read as another whole number: yaml takes 007, 1_000 and 0x1F for 7, 1000 and 31."""
    for node in ids.value if isinstance(ids, yaml.SequenceNode) else []:
        if node.tag == WHOLE and not re.fullmatch("-?[1-9][0-9]*|0", node.value):
            raise _refused(f'an id would be read as another whole number; write it in quotes, "{node.value}"', node)


def _refused(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
