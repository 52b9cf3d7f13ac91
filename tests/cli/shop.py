"""A data set of one's own whose users and items are called by text, as a plug-in."""

from pathlib import Path

import pytest

SHOP = """
from dataclasses import dataclass
import numpy as np
import torch
from fedrec.interfaces import Interactions, Split

ITEMS = ["007", "a, b", "é ☃", "[bold]", "1e5", *(f"B{number:06d}" for number in range(5, 40))]
TITLES = ["James Bond", None, "Snow", "Loud", *[None] * 36]

@dataclass(kw_only=True)
class Shop:
    n_ids: int

    def load(self, generator):
        items = torch.tensor([[(user + step) % 40 for step in range(5)] for user in range(30)], dtype=torch.int32)
        train, test = items[:, :4].flatten(), items[:, 4]
        parts = Interactions(torch.arange(31) * 4, train, 40), Interactions(torch.arange(31), test, 40)
        users = np.array([f"customer {user}" for user in range(30)], object)
        return Split("shop", *parts, None, users, np.array(ITEMS[: self.n_ids], object), np.array(TITLES, object))
"""
SHORT = ("dataset=shop", "--config-dir", "mine", "system.epochs=3")


def open_shop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the plug-in into a folder, from which the program runs with the arguments `SHORT`."""
    monkeypatch.syspath_prepend(folder)
    (folder / "shop_of_texts.py").write_text(SHOP, encoding="utf-8")
    (folder / "mine/dataset").mkdir(parents=True)
    (folder / "mine/dataset/shop.yaml").write_text("_target_: shop_of_texts.Shop\nn_ids: 40\n")
