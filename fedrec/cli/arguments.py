"""A command line as Hydra wants it."""

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser


def arrange(arguments: list[str]) -> list[str]:
    """Overrides first, then flags. Raises ValueError for an unknown flag.

    >>> arrange(["attack=none", "-m", "seed=0,1"])
    ['attack=none', 'seed=0,1', '-m']
    """
    known, unknown = get_args_parser().parse_known_intermixed_args(arguments)
    if unknown:
        raise ValueError(f"unknown flag {unknown[0]}; --help shows what there is")
    flags = [argument for argument in arguments if argument not in known.overrides]
    return [*(_of_sweep(known.overrides) if known.multirun else known.overrides), *flags]


def _of_sweep(overrides: list[str]) -> list[str]:
    """Hydra applies fixed options of a sweep to the default choice of a swept group first, where they may not exist: force them.

    >>> _of_sweep(["attack=pieck_ipe,pieck_uea", "attack.N=5", "seed=0"])
    ['attack=pieck_ipe,pieck_uea', '++attack.N=5', 'seed=0']
    """
    parsed = OverridesParser.create().parse_overrides(overrides)
    swept = {override.key_or_group for override in parsed if override.is_sweep_override()}
    return [
        f"++{text}"
        if override.key_or_group.split(".")[0] in swept and not override.is_sweep_override() and not text.startswith(("+", "~"))
        else text
        for text, override in zip(overrides, parsed, strict=True)
    ]
