"""Poisoning of federated recommender systems, and the defenses against it.

    python -m fedrec.main attack=pieck_uea defense=ours      one experiment
    fedrec.compose("attack=pieck_uea", "defense=ours")       its configuration, for notebooks

`fedrec.interfaces`, `fedrec.aggregation` and `fedrec.ragged` are all that a part of your own imports; see fedrec/README.md.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fedrec.config.compose import compose

__all__ = ["__version__", "compose"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import `compose` at its first use, because Hydra takes most of the time that `import fedrec` would take."""
    if name != "compose":
        raise AttributeError(f"module 'fedrec' has no attribute {name!r}")
    from fedrec.config.compose import compose

    return compose
