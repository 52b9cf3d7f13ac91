"""The command line: Hydra's flags and the overrides, in any order."""

from argparse import ArgumentError, Namespace
from collections.abc import Container, Sequence
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType

from fedrec.config.compose import FOLDER


def parse(arguments: Sequence[str]) -> Namespace:
    """Return the flags, and as `overrides` the overrides and what --config-dir means.

    Raises ValueError for an unknown flag, a folder that does not exist, and a group that is set to anything but names.

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
    if flags.config_dir is not None and not (flags.config_dir and Path(flags.config_dir).is_dir()):
        raise ValueError(f"--config-dir {flags.config_dir or repr('')}: there is no such folder")
    folders = [FOLDER, *([Path(flags.config_dir)] if flags.config_dir else [])]
    overrides = OverridesParser.create().parse_overrides(flags.overrides)
    swept = {override.key_or_group for override in overrides if override.is_sweep_override()}
    for override in overrides:
        is_name = override.is_sweep_override() or override.is_delete() or isinstance(override.value(), str | list | dict)
        if not is_name and any((folder / override.key_or_group).is_dir() for folder in folders):
            raise ValueError(f"{override.input_line}: a group takes the name of a choice, or several as [A,B]")
    flags.overrides = [_forced(override, swept if flags.multirun else ()) for override in overrides]
    if flags.config_dir:
        flags.overrides.append(f"hydra.searchpath=[{folders.pop().resolve().as_uri()}]")
        flags.config_dir = None
    return flags


def _forced(override: Override, swept: Container[str]) -> str:
    """Return an override with `++` before it if it fixes an option of a group that is swept.

    Hydra sets the option in the default choice of the group first, which may not have it.
    """
    fixes = override.type == OverrideType.CHANGE and not override.is_sweep_override()
    return f"{'++' * (fixes and override.key_or_group.split('.')[0] in swept)}{override.input_line}"
