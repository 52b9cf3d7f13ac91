"""The command line: Hydra's flags and the overrides, in any order."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from fedrec.config.compose import FOLDER


def parse(arguments: Sequence[str]) -> Namespace:
    """Return the flags, and the overrides as `overrides`.

    Raises ValueError for an unknown flag, a folder that does not exist, and a group that is set to anything but names.

    >>> parse(["attack=none", "-m", "seed=0,1"]).overrides
    ['attack=none', 'seed=0,1']
    """
    flags, unknown = get_args_parser().parse_known_intermixed_args(list(arguments))
    unknown += ["--experimental-rerun"] if flags.experimental_rerun else []
    if unknown:
        raise ValueError(f"unknown flag {unknown[0]}; --help shows what there is")
    folders = [FOLDER, *([Path(flags.config_dir)] if flags.config_dir else [])]
    if not folders[-1].is_dir():
        raise ValueError(f"--config-dir {flags.config_dir}: there is no such folder")
    overrides = OverridesParser.create().parse_overrides(flags.overrides)
    for override in overrides:
        if _lacks_a_name(override) and any((folder / override.key_or_group).is_dir() for folder in folders):
            raise ValueError(f"{override.input_line}: a group takes the name of a choice, or several as [A,B]")
    flags.multirun |= "hydra.mode=MULTIRUN" in flags.overrides
    if flags.multirun:
        flags.overrides = _forced(overrides)
    return flags


def search_path(config_dir: str | None) -> list[str]:
    """Return the override that makes Hydra look into the folder of the flag --config-dir, too."""
    return [f"hydra.searchpath=[{Path(config_dir).resolve().as_uri()}]"] if config_dir else []


def _lacks_a_name(override: Override) -> bool:
    return not override.is_sweep_override() and not override.is_delete() and not isinstance(override.value(), str | list | dict)


def _forced(overrides: Sequence[Override]) -> list[str]:
    """Return the overrides with `++` before each fixed option of a group that is swept.

    Hydra first sets the option in the default choice of the group, which may not have it.

    >>> _forced(OverridesParser.create().parse_overrides(["attack=pieck_ipe,pieck_uea", "attack.N=5", "seed=0"]))
    ['attack=pieck_ipe,pieck_uea', '++attack.N=5', 'seed=0']
    """
    swept = {override.key_or_group for override in overrides if override.is_sweep_override()}
    return [
        f"++{text}"
        if override.key_or_group.split(".")[0] in swept and not override.is_sweep_override() and not text.startswith(("+", "~"))
        else text
        for override in overrides
        if (text := override.input_line or "")
    ]
