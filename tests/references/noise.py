"""An untargeted attack of a plug-in: all its clients upload the same random rows for all items."""

from dataclasses import dataclass

import torch

from fedrec.interfaces import Attack, AttackerView, Number, Rate, Upload
from fedrec.randomness import generator

NOISE = ("attack=none", "attack._target_=tests.references.noise.Noise", "attack.num_targets=0", "+attack.strength=1.0")
TINY = ("dataset=synthetic", "dataset.users=40", "dataset.items=60", "dataset.interactions=600", "system.epochs=4", "tracking=none")


@dataclass(kw_only=True)
class Noise(Attack):
    promotes = False

    num_targets: Number
    strength: Rate

    def poison(self, view: AttackerView) -> Upload:
        n, (n_items, dim) = len(view.clients), view.model.items.shape
        rows = self.strength * torch.randn(n_items, dim, generator=generator(self.known.seed, "noise"))
        clients = torch.arange(n).repeat_interleave(n_items)
        return Upload.of_rows(view.clients, torch.arange(n_items).repeat(n), clients, rows.repeat(n, 1))
