"""Short runs in this process that leave their files, and small changes to these."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fedrec.conduct import prepare
from fedrec.config.build import check
from fedrec.config.compose import compose
from fedrec.experiment import Experiment
from fedrec.interfaces import Callback

SIZE = ("dataset=synthetic", "dataset.users=90", "dataset.items=60", "dataset.interactions=1350")
ATTACK = ("attack=pieck_uea", "attack.N=5", "attack.batches=1", "system.malicious_share=0.1")
SHORT = (*SIZE, "system.epochs=6", "system.clients_per_round=20", "tracking=none", "model.save=true")


def prepared(folder: Path, *overrides: str, attack: Sequence[str] = ATTACK, callbacks: Sequence[Callback] = ()) -> Experiment:
    """Return an experiment that is ready and shows nothing."""
    folder.mkdir(exist_ok=True)
    experiment = prepare(check(compose(*SHORT, *attack, *overrides)), folder)
    experiment.callbacks = callbacks
    return experiment


def ended(folder: Path, *overrides: str, attack: Sequence[str] = ATTACK) -> Experiment:
    """Return an experiment that has trained to its end."""
    experiment = prepared(folder, *overrides, attack=attack)
    experiment.train()
    return experiment


def truncate(path: Path, share: float = 0.5) -> None:
    """Cut a file off, as a full disk or an interrupted copy does."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def flip(path: Path) -> None:
    """Change the last byte of a file, as a bad disk does."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def items_of(experiment: Experiment, part: str, user: int) -> list[int]:
    """Return what a user has in the part `train` or `test` of the split."""
    interactions = getattr(experiment.evaluator.split, part)
    first, last = interactions.offsets[[user, user + 1]].tolist()
    return np.asarray(interactions.items[first:last]).tolist()
