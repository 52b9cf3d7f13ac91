"""What the result of a run depends on: its options, its data and the code. Nothing else may change a number."""

import hashlib
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from omegaconf import DictConfig, OmegaConf

from fedrec.identity.code_version import code_version, latest_change

COUNTED = ("model", "attack", "defense", "system", "evaluation", "device")  # what a result depends on, beside seed, data and code
ENGINE = (  # modules that every run depends on, whatever its groups choose
    *("fedrec.federation.system", "fedrec.evaluation.evaluator", "fedrec.evaluation.epoch_selection"),
    *("fedrec.poisoning.targets", "fedrec.poisoning.prior_knowledge", "fedrec.randomness"),
)
ALONE = ("fedrec.experiment", "fedrec.conduct")  # most of what they import only shows or stores
STORED = (  # modules that decide what a checkpoint holds
    *("fedrec.checkpoints.nested_state", "fedrec.checkpoints.state_files", "fedrec.tracking.mlflow.tracker"),
)
_BEGAN = time.time()


def counted_options(config: DictConfig) -> dict[str, Any]:
    """Return the groups and options that a result depends on, resolved."""
    counted: dict[str, Any] = {}
    for name in COUNTED:
        counted[name] = OmegaConf.to_container(config[name], resolve=True) if OmegaConf.is_config(config[name]) else config[name]
    counted["model"].pop("save", None)  # whether the trained model is kept
    if len(transforms := list(counted["defense"].get("transforms") or {})) > 1:
        counted["defense"]["order"] = transforms  # they work one after the other, and a digest forgets the order of names
    return counted


def version_of(counted: Mapping[str, Any], alone: Sequence[str]) -> str:
    """Return the version of the code that runs with these options depend on; of the modules `alone` without what they import."""
    return code_version(_modules(counted), alone)


def _modules(counted: Mapping[str, Any]) -> set[str]:
    return {*ENGINE, *(target.rpartition(".")[0] for target in _targets(counted))}


def digest(value: Any) -> str:
    """Return 16 hexadecimal digits that stand for a value of JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class RunIdentity:
    """One run: what its trajectory and everything that it reports depend on, to the last bit."""

    counted: Mapping[str, Any]  # options, nested
    data: str  # checksum of the split
    targets: Sequence[int] = ()  # numbers of the target items, because a name may stand for another item in other data

    @property
    def name(self) -> str:
        """A digest of options, data and targets."""
        return digest([self.counted, self.data, list(self.targets)])

    @property
    def options(self) -> dict[str, Any]:
        """The options by their dotted names."""
        return _flat(self.counted)

    @cached_property
    def code(self) -> str:
        """The version of the code and of PyTorch. It takes a third of a second, once.

        Code that was changed after this process began is not the code that runs, so it equals no other.
        """
        import torch

        alone = (*ALONE, *STORED)
        version, latest = version_of(self.counted, alone), latest_change(_modules(self.counted), alone)
        changed = f" changed during the run {uuid.uuid4().hex}" if latest > _BEGAN else ""
        return f"{version} torch {torch.__version__}{changed}"


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return how the options of two runs differ, in words; of several differences a choice comes first. Empty if they are the same.

    >>> difference({"attack.N": 10, "seed": 0}, {"attack.N": 20, "seed": 0})
    'it was written with attack.N=10, this run has attack.N=20'
    """
    names = sorted(before.keys() | now.keys(), key=lambda name: (not name.endswith("._target_"), name))
    for name in names:
        old, new = (_shown(options, name) for options in (before, now))
        if old != new:
            return f"it was written with {old}, this run has {new}"
    return ""


def _shown(options: Mapping[str, Any], name: str) -> str:
    """Return an option as one types it, of a class the file that it stands in."""
    choice = name.removesuffix("._target_")
    if name not in options:
        return f"no {choice}"
    return f"{choice}={options[name].split('.')[-2]}" if choice != name else f"{name}={json.dumps(options[name])}"


def _flat(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def _targets(node: Any) -> list[str]:
    if not isinstance(node, Mapping):
        return []
    own = [str(node["_target_"])] if "_target_" in node else []
    return [*own, *(target for child in node.values() for target in _targets(child))]
