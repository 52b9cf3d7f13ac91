"""Mean seconds of the rounds of an epoch. They say more than the seconds of each round, and give the store a third of the work."""

from collections import defaultdict
from collections.abc import Mapping

PREFIX = "seconds_"


class EpochSeconds:
    """Takes the seconds out of the telemetry of rounds."""

    def __init__(self) -> None:
        self._taken: dict[str, list[float]] = defaultdict(list)

    def take(self, telemetry: Mapping[str, float]) -> dict[str, float]:
        """Remember the seconds of a round and return its other telemetry.

        >>> EpochSeconds().take({"seconds_attack": 0.5, "penalty": 2.0})
        {'penalty': 2.0}
        """
        for name in telemetry:
            if name.startswith(PREFIX):
                self._taken[name].append(float(telemetry[name]))
        return {name: value for name, value in telemetry.items() if not name.startswith(PREFIX)}

    def means(self) -> dict[str, float]:
        """Return the means over the rounds since the last call. A round without an attack does not count for `seconds_attack`."""
        taken, self._taken = self._taken, defaultdict(list)
        return {name: sum(values) / len(values) for name, values in taken.items()}
