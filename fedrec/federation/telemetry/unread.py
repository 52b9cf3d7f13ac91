"""Telemetry that is computed when it is first read: a run that nobody tracks never pays for it."""

from collections.abc import Callable, Iterator, Mapping


class Unread(Mapping[str, float]):
    """The telemetry of a round. Until it is read it keeps alive what `describe` is made from, such as the uploads of the round.

    >>> telemetry = Unread(lambda: {"poison_rows": 2.0})
    >>> dict(telemetry)
    {'poison_rows': 2.0}
    """

    def __init__(self, describe: Callable[[], dict[str, float]]) -> None:
        self._describe: Callable[[], dict[str, float]] | None = describe
        self._read: dict[str, float] = {}

    def _values(self) -> dict[str, float]:
        if self._describe is not None:
            self._read, self._describe = self._describe(), None
        return self._read

    def __getitem__(self, name: str) -> float:
        return self._values()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())
