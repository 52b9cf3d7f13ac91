"""Poisoning of federated recommender systems, and the defenses against it.

    fedrec.run("attack=pieck_uea defense=ours")          one experiment, as python -m fedrec.main attack=pieck_uea defense=ours
    fedrec.sweep("attack=pieck_ipe,pieck_uea")           many, as a table
    fedrec.load(FOLDER)                                  what a run has left
    fedrec.compare(TABLE, by=["attack", "defense"])      runs side by side
    fedrec.audit("dataset=ml100k", budget="10min")       how many fake accounts a recommender withstands, and what protects it
    fedrec.compose("attack=pieck_uea", "defense=ours")   a configuration, to look at or to run

`fedrec.interfaces`, `fedrec.aggregation` and `fedrec.ragged` are all that a part of your own imports; see fedrec/README.md.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fedrec.api.composing import compose
    from fedrec.api.running import run
    from fedrec.api.sweeping import sweep
    from fedrec.auditing.audit_call import audit
    from fedrec.comparison.comparing import compare
    from fedrec.saved_runs.result import Result, load

__all__ = ["Result", "__version__", "audit", "compare", "compose", "load", "run", "sweep"]
__version__ = "0.1.0"
_FOUND_IN = {  # what is imported at its first use, because it takes most of the time that `import fedrec` would take
    "Result": "fedrec.saved_runs.result",
    "audit": "fedrec.auditing.audit_call",
    "compare": "fedrec.comparison.comparing",
    "compose": "fedrec.api.composing",
    "load": "fedrec.saved_runs.result",
    "run": "fedrec.api.running",
    "sweep": "fedrec.api.sweeping",
}
# In a checkout the package fedrec.conf lies beside this folder; a wheel has it inside.
__path__ += [] if Path(__path__[0], "conf").is_dir() else [str(Path(__path__[0]).parent)]


def __getattr__(name: str) -> Any:
    if name not in _FOUND_IN:
        raise AttributeError(f"module 'fedrec' has no attribute {name!r}")
    globals()[name] = found = getattr(import_module(_FOUND_IN[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
