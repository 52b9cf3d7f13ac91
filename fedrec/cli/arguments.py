"""The command line: Hydra's flags and the overrides, in any order."""

from argparse import ArgumentError, Namespace
from collections.abc import Container, Sequence
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType

from fedrec.config.compose import FOLDER
from fedrec.config.overrides import OWN, check_override, is_name
from fedrec.config.validation import ConfigError

CONFIG_DIR = "--config-dir"
DEEPEST = 50  # lists and mappings in each other


def parse(arguments: Sequence[str]) -> Namespace:
    """Return the flags, and as `overrides` the overrides and what --config-dir means.

    Raises ValueError for an unknown flag, a folder that does not exist, and an override that `check_override` refuses.

    >>> parse(["attack=pieck_ipe,pieck_uea", "-m", "attack.N=5"]).overrides
    ['attack=pieck_ipe,pieck_uea', '++attack.N=5']
    """
    parser = get_args_parser()
    parser.exit_on_error = False  # it would print its usage, too
    try:
        flags, unknown = parser.parse_known_intermixed_args(list(arguments))
    except ArgumentError as error:
        raise ValueError(f"{error}; --help shows what there is") from None
    if unknown:
        raise ValueError(f"unknown flag {unknown[0]}; --help shows what there is")
    if flags.experimental_rerun:
        raise ValueError(
            "--experimental-rerun would run what a file says; give the command again, with the overrides in .hydra/overrides.yaml"
        )
    if flags.config_name and not is_name(flags.config_name):
        raise ValueError(f"--config-name {flags.config_name}: must be the name of a file in conf/ or in the folder of --config-dir")
    if flags.config_dir is not None and not (flags.config_dir and Path(flags.config_dir).is_dir()):
        raise ValueError(f"--config-dir {flags.config_dir or repr('')}: there is no such folder")
    recorded = _settle_path(flags)
    folders = [FOLDER, *([Path(flags.config_dir)] if flags.config_dir else [])]
    overrides = [_parsed(text) for text in flags.overrides]
    swept = {override.key_or_group for override in overrides if override.is_sweep_override()}
    for override in overrides:
        check_override(override, folders)
    flags.overrides = [_forced(override, swept if flags.multirun else ()) for override in overrides]
    if searched := folders[0 if recorded else 1 :]:
        flags.overrides.append(f"hydra.searchpath=[{','.join(folder.resolve().as_uri() for folder in searched)}]")
        flags.config_dir = None
    if recorded:
        flags.overrides.append(f"+hydra={OWN}")  # how fedrec uses Hydra; what Hydra recorded of a run does not say it
    return flags


def of_one_run(given: Sequence[str], what: str, expected: str) -> list[str]:
    """Return the overrides of a program that is no run itself, --config-dir among them. `what` names it, `expected` lists its own flags.

    Raises ConfigError if an override is wrong, or stands for several runs.
    """
    if unfit := [text for text in given if text.startswith("-") and text.partition("=")[0] != CONFIG_DIR]:
        raise ConfigError(f"{unfit[0]}: expected KEY=VALUE, {expected}")
    try:
        overrides: list[str] = parse(given).overrides
    except ValueError as error:
        raise ConfigError(str(error)) from None
    for override in OverridesParser.create().parse_overrides(overrides):
        if override.is_sweep_override():
            rule = f"{what} is of one value; [A,B] is a list, and several {what.partition(' ')[2]}s take several commands"
            raise ConfigError(f"{override.input_line}: {rule}")
    return overrides


def _settle_path(flags: Namespace) -> bool:
    """Make --config-path absolute; Hydra takes it relative to conf/. Return whether it is the folder in which Hydra recorded a run."""
    if flags.config_path is None or flags.config_path.startswith("pkg://"):
        return False
    folder = Path(flags.config_path)
    if not flags.config_path or not folder.is_dir():
        raise ValueError(f"--config-path {flags.config_path or repr('')}: there is no such folder")
    flags.config_path = str(folder.resolve())
    return (folder / "hydra.yaml").is_file()


def _parsed(text: str) -> Override:
    try:
        override = OverridesParser.create().parse_overrides([text])[0]
        if _depth(override.value()) <= DEEPEST:
            return override
    except RecursionError:
        pass
    except ValueError as error:  # a number with thousands of digits
        raise ValueError(f"{text[:50]}...: {error}") from None
    raise ValueError(f"{text[:50]}...: its values lie too deep in each other")


def _depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)


def _forced(override: Override, swept: Container[str]) -> str:
    """Return an override with `++` before it if it fixes an option of a group that is swept, or sets a mapping.

    Hydra sets the option in the default choice of the group first, which may not have it. An empty mapping has no keys yet.
    """
    fixes = override.type == OverrideType.CHANGE and not override.is_sweep_override()
    adds = override.key_or_group.split(".")[0] in swept or isinstance(override.value(), dict)
    return f"{'++' * (fixes and adds)}{override.input_line}"
