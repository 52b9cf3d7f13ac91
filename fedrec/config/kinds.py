"""What may stand behind a `_target_`: a class of the kind that its group takes. It is imported and looked at; only then is it called."""

import importlib
from typing import Any, runtime_checkable

from fedrec.config.validation import ConfigError

KINDS = {  # where the `_target_` stands -> of what kind its class must be
    "dataset": "fedrec.interfaces.Dataset",
    "model": "fedrec.interfaces.Model",
    "system": "fedrec.federation.system.System",
    "attack": "fedrec.interfaces.Attack",
    "defense.client": "fedrec.interfaces.ClientDefense",
    "defense.transforms": "fedrec.interfaces.Transform",
    "defense.server": "fedrec.interfaces.Aggregator",
    "evaluation": "fedrec.evaluation.evaluator.Evaluator",
    "tracking": "fedrec.interfaces.Callback",
    "checkpoint": "fedrec.checkpoints.checkpointing.Checkpointing",
    "sweep": "fedrec.sweeps.objectives.Objective",
    "hydra.sweeper.sampler": "optuna.samplers.BaseSampler",
    "hydra.sweeper.pruner": "optuna.pruners.BasePruner",
}


def locate(node: str, target: Any) -> type[Any]:
    """Return the class that `node._target_` names. Raises ConfigError if it cannot be imported, or is not of the node's kind."""
    place = next((place for place in KINDS if f"{node}.".startswith(f"{place}.")), "")
    if not place:
        raise ConfigError(f"{node}._target_={target} is not allowed: no class is chosen there")
    takes = f"{node}._target_={target} is not allowed: {place} takes a class of the kind {KINDS[place]}"
    if not isinstance(target, str) or "." not in target:
        raise ConfigError(f"{takes}, named as MODULE.CLASS")
    kind: Any = _imported(KINDS[place])
    try:
        found = _imported(target)
    except (Exception, SystemExit) as error:  # a user's module may fail in any way
        reason = f"{error or type(error).__name__}".splitlines()[0]
        raise ConfigError(f"{node}._target_={target} cannot be imported: {reason}") from error
    if not isinstance(found, type) or not issubclass(found, _checkable(kind)):
        raise ConfigError(takes)
    if lacking := sorted(getattr(found, "__abstractmethods__", ())):
        raise ConfigError(f"{takes}; this one lacks {', '.join(lacking)}")
    if _is_protocol(found):
        raise ConfigError(f"{takes}; this one only describes them")
    return found


def _imported(target: str) -> Any:
    module, _, name = target.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _checkable(kind: Any) -> Any:
    """Return the kind in a form that `issubclass` takes; of a protocol it compares the methods."""
    return runtime_checkable(kind) if _is_protocol(kind) else kind


def _is_protocol(kind: Any) -> bool:
    return bool(getattr(kind, "_is_protocol", False))
