"""The name of a run: its choices, the options that differ from what these alone bring, and its seed, as `pieck_uea · ours · N=10 · seed 1`.

Runs with different options have different names. What is not part of an experiment plays no part: tracking, device, threads, checkpoints.
"""

import copy
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf

from fedrec.config.choices import LEADING, names
from fedrec.config.compose import FOLDER, own_loader

SEPARATOR = " · "
Keys = tuple[str, ...]  # on the way to an option
Leaves = dict[Keys, Any]

_IGNORED = {(name,) for name in ("choices", "hydra", "tracking", "device", "threads", "checkpoint", "resume", "reference", "sweep")} | {
    ("model", "save")
}
_LONGEST_VALUE, _LONGEST = 24, 160  # characters; MLflow takes 250
_GONE = object()  # stands for an option that is not there


def run_name(config: Mapping[str, Any]) -> str:
    """Return the name of the run that has these options, resolved and without secrets; its `choices` are the files that were chosen.

    It never raises: if the files cannot be read, a digest stands for all options. It also follows the choice of a file of the user's
    own, which may say something else tomorrow.
    """
    chosen = {str(group): str(choice) for group, choice in (config.get("choices") or {}).items()} | names(config)
    chosen = {group: choice for group, choice in chosen.items() if (group,) not in _IGNORED}
    options = _without_place(_leaves(config), chosen)
    try:
        words = _differences(options, chosen)
        is_known = all((FOLDER / group / f"{one}.yaml").exists() for group, choice in chosen.items() for one in choice.split("+"))
    except Exception:  # a name is no reason to lose a run
        words, is_known = [], False
    digest = [] if is_known else [_digest(sorted(repr(one) for one in options.items() if one[0] != ("seed",)))]
    return _joined(_choice_words(chosen), [*words, *digest], f"seed {config.get('seed')}")


def _without_place(options: Leaves, chosen: Mapping[str, str]) -> Leaves:
    """Return the options without the folder that a published data set is read from: its content is known."""
    if chosen.get("dataset") == "presplit":
        return options
    return {keys: value for keys, value in options.items() if keys not in (("dataset", "root"), ("dataset", "cache"))}


def _choice_words(chosen: Mapping[str, str]) -> list[str]:
    """Return attack and defense, and every other choice that is not the default."""
    usual = _usual_choices()
    words = [f"no {group}" if chosen[group] == "none" else chosen[group] for group in ("attack", "defense")]
    for group in (*LEADING[2:], *sorted(chosen.keys() - set(LEADING))):
        usual_one = chosen["model"] if usual.get(group) == "${model}" else usual.get(group)
        if chosen[group] != usual_one:
            words.append(chosen[group] if group in LEADING else f"{group}={chosen[group]}")
    return words


@cache
def _usual_choices() -> dict[str, str]:
    """Return the choices of the defaults list of conf/config.yaml."""
    entries: Any = OmegaConf.to_container(OmegaConf.load(FOLDER / "config.yaml"), resolve=False)
    pairs = [pair for entry in entries["defaults"] if isinstance(entry, dict) for pair in entry.items()]
    return {str(group): str(choice) for group, choice in pairs}


def _differences(options: Leaves, chosen: Mapping[str, str]) -> list[str]:
    """Return `option=value` for what differs from the composition of the choices. Options that follow from others are left out."""
    plain, usual, counts = _composed(tuple(sorted(chosen.items())), _sources())
    usual = _without_place(usual, chosen)
    differing = {keys: value for keys, value in options.items() if not _is_same(value, usual.get(keys, _GONE))}
    gone = [keys for keys in usual if keys not in options]
    if not differing and not gone:
        return []
    unresolved = _leaves(plain)
    own = {keys: value for keys, value in differing.items() if "${" not in str(unresolved.get(keys, ""))}
    followed = _leaves(_resolved(_with(plain, own)))
    own |= {keys: value for keys, value in options.items() if not _is_same(value, followed.get(keys, _GONE))}
    words = [f"{_short(keys, counts)}={_shown(value)}" for keys, value in own.items() if keys != ("seed",)]
    return [*words, *(f"~{'.'.join(keys)}" for keys in gone)]


@lru_cache(200)
def _composed(chosen: tuple[tuple[str, str], ...], sources: tuple[str, ...]) -> tuple[Any, Leaves, Counter[str]]:
    """Return what the choices alone compose to, unresolved and as resolved options, and how many options have each last name."""
    overrides = [f"{group}=[{choice.replace('+', ',')}]" if "+" in choice else f"{group}={choice}" for group, choice in chosen]
    loader = GlobalHydra.instance().config_loader() if sources else own_loader()  # the former has read most of the files already
    plain: Any = OmegaConf.to_container(loader.load_configuration("config", overrides, RunMode.RUN), resolve=False)
    plain = {name: node for name, node in plain.items() if (name,) not in _IGNORED}
    counts = Counter(keys[-1] for keys, value in _leaves(plain).items() if not str(value).startswith("${."))
    return plain, _leaves(_resolved(plain)), counts


def _sources() -> tuple[str, ...]:
    """Return the folders that the running program composes from, fedrec's own first; nothing if it composes from others."""
    if not GlobalHydra.instance().is_initialized():
        return ()
    found = [source.path for source in GlobalHydra.instance().config_loader().get_sources() if source.provider not in ("hydra", "schema")]
    return tuple(found) if found[:1] == [str(FOLDER)] else ()


def _resolved(plain: Any) -> Any:
    return OmegaConf.to_container(OmegaConf.create(plain), resolve=True)


def _with(plain: Any, values: Leaves) -> Any:
    """Return a copy of nested mappings in which some leaves have other values."""
    changed = copy.deepcopy(plain)
    for keys, value in values.items():
        node = changed
        for key in keys[:-1]:
            node = node.setdefault(key, {})
        node[keys[-1]] = value
    return changed


def _leaves(tree: Mapping[str, Any], before: Keys = ()) -> Leaves:
    return dict(_each_leaf(tree, before))


def _each_leaf(tree: Mapping[str, Any], before: Keys) -> Iterator[tuple[Keys, Any]]:
    for key, value in tree.items():
        keys = (*before, str(key))
        if keys in _IGNORED:
            continue
        if isinstance(value, Mapping) and value:
            yield from _each_leaf(value, keys)
        else:
            yield keys, value


def _is_same(one: Any, other: Any) -> bool:
    """Return whether two values are one for a run: 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _short(keys: Keys, counts: Mapping[str, int]) -> str:
    return keys[-1] if counts[keys[-1]] == 1 else ".".join(keys)


def _shown(value: Any) -> str:
    """Return a value in few characters. A text that could be taken for something else is in quotes."""
    text = re.sub(r", (?=[^ ])", ",", json.dumps(value, ensure_ascii=False, default=str))
    if (
        isinstance(value, str)
        and re.fullmatch(r"[A-Za-z_./~*][\w./:@*+-]*", value)
        and value not in ("null", "true", "false", "NaN", "Infinity")
    ):
        text = value
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE // 2]}…{_digest(value)}"


def _joined(choices: list[str], options: list[str], seed: str) -> str:
    """Return one line. Of a very long one a digest replaces the end of the options."""
    words = SEPARATOR.join([*choices, *options])
    if len(words) > _LONGEST:
        words = f"{words[: _LONGEST // 2]}…{_digest(words)}"
    return f"{words}{SEPARATOR}{seed}"


def _digest(value: Any) -> str:
    return "#" + hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:8]
