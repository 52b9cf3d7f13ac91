"""Which item and which user of the data set each number of a run stands for: `items.parquet` and `users.parquet` in the run's folder.

Only writing imports NumPy.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fedrec.config.validation import ConfigError
from fedrec.tracking.parquet_columns import write_columns

if TYPE_CHECKING:  # it imports torch
    from fedrec.interfaces import Ids, RunInfo

ITEMS, USERS = "items.parquet", "users.parquet"
MOST_USERS = 1_000_000  # of a map that MLflow gets, too: it has five megabytes then, in every run


def write_id_maps(info: "RunInfo") -> None:
    """Write both maps to the folder of the run. Raises ConfigError if an id is neither a whole number nor text, or the disk takes none."""
    titles = {} if info.item_titles is None else {"title": info.item_titles}
    facts = {"interactions": info.popularity.numpy(), "popularity_rank": info.popularity_ranks.numpy()}
    _write(info.folder / ITEMS, {"item": info.item_ids, **titles, **facts})
    _write(info.folder / USERS, {"user": info.user_ids, "interactions": info.user_interactions.numpy()})


def for_mlflow(info: "RunInfo") -> list[str]:
    """Return the names of the maps that MLflow gets."""
    return [ITEMS, USERS] if len(info.user_ids) <= MOST_USERS else [ITEMS]


def in_words(ids: Iterable[int | str], titles: Iterable[str | None] | None) -> str:
    """Return ids in one line, each with its title where that is known; an id that is no plain word is in quotes.

    >>> print(in_words([50, "B000123", "a, b"], ["Star Wars (1977)", None, None]))
    50 (Star Wars (1977)), B000123, "a, b"
    """
    words = [text if re.fullmatch(r"[\w.:/-]+", text := str(one)) else json.dumps(text, ensure_ascii=not text.isprintable()) for one in ids]
    told = [printable(one or "") for one in titles or [None] * len(words)]
    return ", ".join(f"{word} ({title})" if title else word for word, title in zip(words, told, strict=True))


def printable(text: str) -> str:
    """Return a text with a question mark for everything that a terminal might obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _write(path: Path, columns: Mapping[str, "Ids"]) -> None:
    """Write columns [n], of which the first are the ids, after the numbers 0 to n - 1."""
    import numpy as np

    (name, ids), *_ = columns.items()
    try:
        write_columns(path, [{"number": np.arange(len(ids)), **columns}])
    except (AttributeError, UnicodeEncodeError) as error:
        raise ConfigError(f"the data set must name each {name} by a whole number or by text in UTF-8: {error}") from None
