"""Golden runs: numbers that the released code left behind while it trained, and the same runs by `fedrec` from the same start.

`$FEDREC_DATA/golden/README.md` describes the files. A state maps `items_E`, `scorer_E` (all layers after epoch E as one vector) and
`users` to tensors.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fedrec.config.build import check
from fedrec.config.compose import compose
from fedrec.data.federated_data import FederatedData
from fedrec.federation.start import Start
from fedrec.federation.system import System
from fedrec.interfaces import GlobalModel, Interactions, PriorKnowledge

Arrays = Mapping[str, Any]
States = dict[str, Tensor]

ATTACKS = {"NoAttack": "none", "PIECKIPE": "pieck_ipe", "PIECKUEA": "pieck_uea"}
DEFENSES = {"NormBound": "norm_bound", "Median": "median", "TrimmedMean": "trimmed_mean", "Regula": "ours"}
DEFENSES |= {"Krum": "krum", "MultiKrum": "multi_krum", "Bulyan": "bulyan"}
LAYERS = {"W1": "weight0", "b1": "bias0", "W2": "weight1", "b2": "bias1", "h": "weight2", "c": "bias2"}


@dataclass(frozen=True)
class Golden:
    name: str
    run: Arrays
    start: Arrays

    @classmethod
    def read(cls, folder: Path, name: str) -> "Golden":
        starts = "dl_start" if name.startswith("dl_") else "start"
        run, start = (dict(np.load(folder / f"{one}.npz")) for one in (name, starts))
        return cls(name, run, start)

    @property
    def epochs(self) -> list[int]:
        """The recorded ones."""
        return [epoch for epoch in range(1, len(self.run["order"]) + 1) if f"items_{epoch}" in self.run]

    @property
    def targets(self) -> list[int]:
        targets: list[int] = np.atleast_1d(self.run["targets"]).tolist()
        return targets

    def states(self) -> States:
        states = {f"items_{epoch}": torch.from_numpy(self.run[f"items_{epoch}"]) for epoch in self.epochs}
        if "weight0" in self.start:
            states |= {f"scorer_{epoch}": flat(layers(self.run, f"_{epoch}")) for epoch in self.epochs}
        return states | {"users": torch.from_numpy(self.run["users_last"])}

    def overrides(self) -> list[str]:
        """Return the configuration of the run, read from the options of the released code, `--attack PIECKUEA --size 50 -d Regula`."""
        words = str(self.run["arguments"]).split()
        options = dict(zip(words[::2], words[1::2], strict=True))
        attack, defense = ATTACKS[options["--attack"]], options.get("-d")
        chosen = [f"attack={attack}", f"defense={DEFENSES[defense] if defense else 'none'}", "experiment=released_code"]
        chosen += [f"system.epochs={len(self.run['order'])}", f"attack.targets={self.targets}", f"attack.num_targets={len(self.targets)}"]
        chosen += ["model=ncf"] if "weight0" in self.start else []
        chosen += [f"attack.N={options['--size']}"] if "--size" in options else []
        return chosen + (["attack.multi_target=together"] if "--T" in options else [])

    def replay(self, kind: torch.dtype = torch.float32, shift: int | None = None) -> States:
        """Train from the start of the run, whose embeddings may be `shifted` with that seed; return the same states."""
        with precision(kind):
            system, states = self._system(kind, shift), {}
            for result in system.rounds():
                if result.ends_epoch and result.epoch in self.epochs:
                    states[f"items_{result.epoch}"] = system.global_model.items
                    states[f"scorer_{result.epoch}"] = flat(system.global_model.scorer)
            return states | {"users": system.users}

    def _system(self, kind: torch.dtype, shift: int | None) -> System:
        parts = check(compose(*self.overrides())).parts
        model, attack, defense, system = (parts[group].build() for group in ("model", "attack", "defense", "system"))
        start = self._start(kind, shift)
        facts = torch.tensor(self.targets), 0, torch.device("cpu"), PriorKnowledge()
        assert isinstance(system, System)
        system.setup(self._train(), model, attack, defense, *facts, start)
        return system

    def _start(self, kind: torch.dtype, shift: int | None) -> Start:
        offsets, pairs, labels, users, items = map(
            torch.from_numpy, (self.start[name] for name in ("offsets", "items", "labels", "users", "item_embeddings"))
        )
        if shift is not None:
            users, items = shifted(users, shift), shifted(items, shift)
        scorer = layers(self.start) if "weight0" in self.start else {}
        global_model = GlobalModel(items.to(kind), {name: value.to(kind) for name, value in scorer.items()})
        data = FederatedData.of(offsets, pairs, labels, len(items))
        return Start(data, users.to(kind), global_model, torch.from_numpy(self.run["order"].astype(np.int64)))

    def _train(self) -> Interactions:
        offsets, items, labels = (torch.from_numpy(self.start[name]) for name in ("offsets", "items", "labels"))
        n_users, positive = len(offsets) - 1, labels == 1
        owners = torch.arange(n_users).repeat_interleave(offsets.diff())[positive]
        ends = torch.cat([torch.zeros(1, dtype=torch.int64), torch.bincount(owners, minlength=n_users).cumsum(0)])
        return Interactions(ends, items[positive], len(self.start["item_embeddings"]))


@contextmanager
def precision(kind: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(kind)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def layers(arrays: Arrays, suffix: str = "") -> dict[str, Tensor]:
    """Return the parameters of Eq. (1) as `fedrec` names them; the released code keeps weights transposed."""
    values = {name: torch.from_numpy(arrays[theirs + suffix]) for name, theirs in LAYERS.items()}
    return values | {"W1": values["W1"].T.contiguous(), "W2": values["W2"].T.contiguous(), "h": values["h"][0]}


def flat(scorer: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([scorer[name].flatten() for name in LAYERS]) if scorer else torch.empty(0)


def shifted(values: Tensor, seed: int) -> Tensor:
    """Return the neighbours of float32 numbers, above or below at random."""
    up = torch.rand(values.shape, generator=torch.Generator().manual_seed(seed)) < 0.5
    return torch.nextafter(values, torch.where(up, torch.inf, -torch.inf))


def distance(one: Tensor, other: Tensor) -> float:
    """Return the distance relative to the length of the other, both as long vectors."""
    return float((one.double() - other.double()).norm() / other.double().norm())
