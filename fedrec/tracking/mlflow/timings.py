"""Where the seconds go, once an epoch: a mean over its rounds says more than each, and the store has a third of the work."""

from collections import defaultdict
from collections.abc import Mapping

PREFIX = "seconds_"


class Timings:
    """Takes the timings out of the telemetry of rounds."""

    def __init__(self) -> None:
        self._taken: dict[str, list[float]] = defaultdict(list)

    def take(self, telemetry: Mapping[str, float]) -> dict[str, float]:
        """Keep the timings of a round; return its other metrics.

        >>> Timings().take({"seconds_attack": 0.5, "penalty": 2.0})
        {'penalty': 2.0}
        """
        for name in telemetry:
            if name.startswith(PREFIX):
                self._taken[name].append(float(telemetry[name]))
        return {name: value for name, value in telemetry.items() if not name.startswith(PREFIX)}

    def means(self) -> dict[str, float]:
        """Over the rounds since the last call; a round without an attack counts for no `seconds_attack`."""
        taken, self._taken = self._taken, defaultdict(list)
        return {name: sum(values) / len(values) for name, values in taken.items()}
