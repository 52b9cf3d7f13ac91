"""Ids -> numbers from 0 by first appearance, batch by batch, so that neither texts nor many dictionaries lie in memory."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fedrec.interfaces import Ids

if TYPE_CHECKING:
    import pyarrow as pa

Numbers = NDArray[np.int32]

WAITING = 1 << 20  # ids; the batches that wait have as many different ones, or as many as are known, before their rows are numbered


@dataclass
class Numbering:
    """The ids of users or of items so far."""

    _known: Any = field(init=False, default=None)  # pa.Array, each id once
    _waiting: list["pa.DictionaryArray"] = field(init=False, default_factory=list)  # batches
    _n_waiting: int = field(init=False, default=0)  # ids in their dictionaries
    _numbers: list[Numbers] = field(init=False, default_factory=list)

    def add(self, ids: "pa.Array") -> None:
        """Take the ids of the next rows: all whole numbers of 64 bits, or all text."""
        batch = ids.dictionary_encode()
        self._waiting.append(batch)
        self._n_waiting += len(batch.dictionary)
        if self._n_waiting > max(WAITING, 0 if self._known is None else len(self._known)):
            self._settle()

    def _settle(self) -> None:
        """Number the rows that wait."""
        import pyarrow as pa

        if not self._waiting:
            return
        known = self._waiting[0].dictionary[:0] if self._known is None else self._known
        parts = [pa.DictionaryArray.from_arrays(pa.array([], pa.int32()), known), *self._waiting]
        if len({part.type for part in parts}) > 1:  # whole numbers in one batch, text in another
            parts = [pa.DictionaryArray.from_arrays(part.indices, part.dictionary.cast(pa.string())) for part in parts]
        whole = pa.chunked_array(parts).unify_dictionaries()
        self._known = whole.chunk(0).dictionary
        self._numbers += [part.indices.to_numpy().astype(np.int32, copy=False) for part in whole.chunks[1:]]
        self._waiting, self._n_waiting = [], 0

    def finish(self) -> tuple[Numbers, Ids]:
        """Return the number of each row [I] and the id of each number, and forget both."""
        self._settle()
        numbers = np.concatenate([*self._numbers, np.zeros(0, np.int32)])
        self._numbers = []
        return numbers, _plain(self._known)


def _plain(ids: Any) -> Ids:
    """Return ids as int64 if each is the usual way to write a whole number of 64 bits, else as text."""
    import pyarrow as pa

    if ids is None:
        return np.zeros(0, np.int64)
    if ids.type == pa.string():
        try:
            numbers = ids.cast(pa.int64())
            if numbers.cast(pa.string()).equals(ids):
                ids = numbers
        except pa.ArrowInvalid:
            pass
    plain: Ids = ids.to_numpy(zero_copy_only=False)
    return plain
