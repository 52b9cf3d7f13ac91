"""The search space of a sweep: Hydra's sweep syntax as distributions of Optuna, and the values of a trial as overrides.

interval(0, 1)  tag(log, interval(0.01, 100))  int(interval(1, 10))  range(0, 100, step=5)  choice(a, b)  a,b
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, RangeSweep
from hydra.errors import HydraException
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from fedrec.config.overrides import check_override
from fedrec.config.validation import ConfigError, shown

_ALLOWED = "interval(LOW, HIGH), range(START, STOP, step=STEP), choice(A, B), and of these int(...), tag(log, interval(...))"
Distribution = CategoricalDistribution | FloatDistribution | IntDistribution
_PLAIN = (bool, int, float, str)  # Optuna stores these as choices; any other value is stored as its text


@dataclass(frozen=True)
class SearchSpace:
    """What a study may change; the keys are options (`defense.beta`) or groups (`attack`)."""

    distributions: Mapping[str, Distribution]

    @classmethod
    def parse(cls, overrides: Sequence[str], parser: OverridesParser) -> "SearchSpace":
        """Read sweep overrides such as `KEY=interval(0,1)`. Raises ConfigError, which names the parameter."""
        return cls({text.partition("=")[0].lstrip("+"): _distribution(text, parser) for text in overrides})

    def suggest(self, trial: Trial) -> None:
        """Let the trial's sampler choose all parameters."""
        for name, distribution in self.distributions.items():
            trial._suggest(name, distribution)

    def overrides(self, values: Mapping[str, Any]) -> list[str]:
        """Return the overrides that set these values of the space's parameters."""
        return [f"{name}={_text(values[name])}" for name in self.distributions if name in values]

    def corners(self) -> Iterator[tuple[str, str]]:
        """Yield the parameter and the override of every smallest and largest value, and of every choice."""
        for name, one in self.distributions.items():
            for value in one.choices if isinstance(one, CategoricalDistribution) else (one.low, one.high):
                yield name, f"{name}={_text(value)}"

    def grid(self) -> dict[str, list[Any]]:
        """Return all values of every parameter. Raises ConfigError for an interval of real numbers."""
        return {name: _values(name, distribution) for name, distribution in self.distributions.items()}

    def contains(self, values: Mapping[str, Any]) -> bool:
        """Return whether every parameter has a value that its distribution allows."""
        try:
            internal = {name: one.to_internal_repr(values[name]) for name, one in self.distributions.items()}
        except (KeyError, ValueError):  # a missing value, or a choice that does not exist
            return False
        return all(one._contains(internal[name]) for name, one in self.distributions.items())


def in_one_line(values: Mapping[str, Any]) -> str:
    """Return the values of a trial for people to read, with rounded numbers."""
    return " ".join(f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in values.items())


def _distribution(text: str, parser: OverridesParser) -> Distribution:
    where = f"search space of {text}"
    distribution = _parsed(text, parser, where)
    if distribution.single():
        raise ConfigError(f"{where}: one value is nothing to tune; allowed: {_ALLOWED}")
    if isinstance(distribution, CategoricalDistribution) and len(set(map(repr, distribution.choices))) < len(distribution.choices):
        raise ConfigError(f"{where}: a value stands twice in the list")
    return distribution


def _parsed(text: str, parser: OverridesParser, where: str) -> Distribution:
    try:
        override = parser.parse_override(text)
    except HydraException as error:
        reason = str(error).splitlines()[0].rpartition("': ")[2]
        raise ConfigError(f"{where}: {reason}; allowed: {_ALLOWED}") from None
    if not override.is_sweep_override():
        raise ConfigError(f"{where}: one value is nothing to tune; allowed: {_ALLOWED}")
    check_override(override)
    value = override.value()
    tags: set[str] = getattr(value, "tags", set())
    if wrong := tags - ({"log"} if isinstance(value, IntervalSweep) else set()):
        raise ConfigError(f"{where}: tag {', '.join(sorted(wrong))} is not allowed; allowed: {_ALLOWED}")
    try:
        if isinstance(value, IntervalSweep):
            assert value.start is not None and value.end is not None
            return _numeric([value.start, value.end], log="log" in tags)
        if isinstance(value, RangeSweep):
            numbers = sorted(value.range())  # the sampler chooses the order
            if not numbers:
                raise ValueError("it is empty")
            return _numeric(numbers, step=abs(value.step))
        texts = list(override.sweep_string_iterator())
        elements = value.list if isinstance(value, ChoiceSweep) else texts
        return CategoricalDistribution([one if isinstance(one, _PLAIN) else word for one, word in zip(elements, texts, strict=True)])
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None


def _numeric(numbers: Sequence[float], **options: Any) -> Distribution:
    """Return the distribution from the first to the last number, over integers if all numbers are."""
    kind: type[Any] = IntDistribution if all(isinstance(number, int) for number in numbers) else FloatDistribution
    return kind(numbers[0], numbers[-1], **options)  # type: ignore[no-any-return]


def _text(value: Any) -> str:
    return shown(value) if isinstance(value, bool) else str(value)


def _values(name: str, distribution: Distribution) -> list[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    if distribution.step is None:
        raise ConfigError(f"search space of {name}: a grid needs choice(...) or range(...), not an interval of real numbers")
    n = round((distribution.high - distribution.low) / distribution.step)
    return [distribution.low + k * distribution.step for k in range(n + 1)]
