"""Splits that papers publish as text files: Steam, and those of LightGCN, which graph papers share.

Users and items bear the numbers of the publisher, 0 to n - 1 (from 1 in Last.FM). A number that nobody has is an item, too, because the
papers count it. Only Last.FM has a row for each interaction; the others have a line for each user.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from torch import Generator

from fedrec.data.obtaining import UNSET
from fedrec.data.presplit import FILES, Presplit
from fedrec.data.published_files import PublishedFile, require_published
from fedrec.data.published_table import PLAIN
from fedrec.data.raw_files import Integers, path_of
from fedrec.data.splitting import by_user, hold_out, latest
from fedrec.data.table.table import Table
from fedrec.interfaces import Split

FEDRECATTACK = "https://raw.githubusercontent.com/rdz98/FedRecAttack/94f4a5e0871a7a7ad65d7e7fd0e92e40c1729c72/Data/steam"
BOTH = (" and ".join(FILES),)
LIGHTGCN = "https://raw.githubusercontent.com/gusye1234/LightGCN-PyTorch/master/data"


def _of_lightgcn(folder: str, names: tuple[str, str] = FILES) -> tuple[PublishedFile, PublishedFile]:
    train, test = (PublishedFile(f"{LIGHTGCN}/{folder}/{name}", (" and ".join(names),)) for name in names)
    return train, test


@dataclass(kw_only=True)
class PublishedSplit:
    """root: a folder with both files; cache: the folder that keeps what was fetched; validation: as of `Presplit`."""

    paper = "He et al., SIGIR 2020 (the files); Wang et al., SIGIR 2019 (the split)"

    root: str | None
    cache: str | None
    validation: bool

    name: ClassVar[str]  # as in dataset=NAME
    files: ClassVar[tuple[PublishedFile, PublishedFile]]  # train, test
    published: ClassVar[tuple[int, int, int]]  # users, items, interactions

    def load(self, generator: Generator) -> Split:
        """Return the split; draw validation items at most. Raises ValueError in one line if it is not the published one."""
        folder = self._folder()
        split = self._read(folder, generator)
        statistics = split.statistics()
        found = [int(statistics[name]) for name in ("users", "items", "interactions")]
        require_published(self.name, folder, found, self.published, self.root is not None)
        return replace(split, name=self.name)

    def _folder(self) -> Path:
        """Return the folder that holds both files."""
        if self.root is not None:
            folder = path_of(self.root, "dataset.root")
            if missing := [file.name for file in self.files if not (folder / file.name).is_file()]:
                raise ValueError(f"dataset.root={self.root} holds no {' and no '.join(missing)}; {UNSET}")
            return folder
        train, _ = (file.obtain(self.name, None, self.cache) for file in self.files)
        return train.parent

    def _read(self, folder: Path, generator: Generator) -> Split:
        presplit = Presplit(root=str(folder), validation=self.validation)
        presplit.n_items = self.published[1]
        return presplit.load(generator)


class Steam(PublishedSplit):
    paper = "Rong et al., ICDE 2022 (the split); Steam-200K"
    name, published = "steam", (3_753, 5_134, 114_713)
    files = (
        PublishedFile(f"{FEDRECATTACK}/train.txt", BOTH, "sha256:e274a2acf7f37c198bc59509e10fe7f4902d3dee59d10836808db14e59724ffc"),
        PublishedFile(f"{FEDRECATTACK}/test.txt", BOTH, "sha256:74a4eb89155541303294c2537479ad83d5184b7b94574fc3db112e74b56d9f65"),
    )


class Gowalla(PublishedSplit):
    name, published, files = "gowalla", (29_858, 40_981, 1_027_370), _of_lightgcn("gowalla")


class Yelp2018(PublishedSplit):
    name, published, files = "yelp2018", (31_668, 38_048, 1_561_406), _of_lightgcn("yelp2018")


class AmazonBook(PublishedSplit):
    name, published, files = "amazon_book", (52_643, 91_599, 2_984_108), _of_lightgcn("amazon-book")


class LastFM(PublishedSplit):
    """Its files have a row "user item plays" for each interaction, in no order; users and items are numbered from 1."""

    paper = "Cantador et al., HetRec 2011; He et al., SIGIR 2020 (the split)"
    name, published, files = "lastfm", (1_892, 4_489, 52_668), _of_lightgcn("lastfm", ("data1.txt", "test1.txt"))

    def _read(self, folder: Path, generator: Generator) -> Split:
        (users, items), (testers, held) = (_pairs(folder / file.name) for file in self.files)
        n_users, n_items = (max(int(one.max()) for one in both) for both in ((users, testers), (items, held)))
        train, test = by_user(users - 1, items - 1, n_users, n_items), by_user(testers - 1, held - 1, n_users, n_items)
        train, validation = hold_out(train, latest(train)) if self.validation else (train, None)
        return Split(self.name, train, test, validation, np.arange(1, n_users + 1), np.arange(1, n_items + 1))


def _pairs(path: Path) -> tuple[Integers, Integers]:
    """Return the user and the item of each row, [I] each, sorted by user."""
    table = Table(path=str(path), user=0, item=1, rating=2, time=False, validation=False, **{**PLAIN, "header": False, "order": "file"})
    log = table.examine().log
    return log.user_ids[log.users], log.item_ids[log.items]
