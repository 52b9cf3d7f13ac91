"""Telemetry that is computed when it is first read: a run that nobody tracks never pays for it."""

from collections.abc import Callable, Iterator, Mapping


class Unread(Mapping[str, float]):
    """The telemetry of a round. Until more than the `known` values is read it keeps alive what `describe` is made from, such as uploads.

    >>> telemetry = Unread({"dropped_uploads": 1.0}, lambda: {"poison_rows": 2.0})
    >>> telemetry["dropped_uploads"], dict(telemetry)
    (1.0, {'dropped_uploads': 1.0, 'poison_rows': 2.0})
    """

    def __init__(self, known: Mapping[str, float], describe: Callable[[], dict[str, float]]) -> None:
        self._describe: Callable[[], dict[str, float]] | None = describe
        self._read = dict(known)

    def _values(self) -> dict[str, float]:
        if self._describe is not None:
            self._read |= self._describe()
            self._describe = None
        return self._read

    def __getitem__(self, name: str) -> float:
        return self._read[name] if name in self._read else self._values()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())
