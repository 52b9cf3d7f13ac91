"""The search space of a sweep: Hydra's sweep syntax as distributions of Optuna, and the values of a trial as overrides.

interval(0, 1)  tag(log, interval(0.01, 100))  int(interval(1, 10))  range(0, 100, step=5)  choice(a, b)  a,b
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from fedrec.config.validation import ConfigError, shown

_ALLOWED = "interval(LOW, HIGH), range(START, STOP, step=STEP), choice(A, B), and of these int(...), tag(log, interval(...))"
_PLAIN = (bool, int, float, str)  # Optuna stores these as choices; any other value is stored as its text


@dataclass(frozen=True)
class SearchSpace:
    """What a study may change; the keys are options (`defense.beta`) or groups (`attack`)."""

    distributions: Mapping[str, BaseDistribution]

    @classmethod
    def parse(cls, overrides: Sequence[str], parser: OverridesParser) -> "SearchSpace":
        """Read sweep overrides such as `KEY=interval(0,1)`. Raises ConfigError, which names the parameter."""
        return cls({name: _distribution(override) for name, override in _parsed(overrides, parser)})

    def suggest(self, trial: Trial) -> list[str]:
        """Let the trial's sampler choose all parameters, and return them as overrides."""
        return self.overrides({name: trial._suggest(name, distribution) for name, distribution in self.distributions.items()})

    def overrides(self, values: Mapping[str, Any]) -> list[str]:
        """Return the overrides that set these values of the space's parameters."""
        return [f"{name}={_text(values[name])}" for name in self.distributions if name in values]

    def corners(self) -> Iterator[tuple[str, str]]:
        """Yield the parameter and the override of every smallest and largest value, and of every choice."""
        for name, distribution in self.distributions.items():
            for value in _extremes(distribution):
                yield name, f"{name}={_text(value)}"

    def grid(self) -> dict[str, list[Any]]:
        """Return all values of every parameter. Raises ConfigError for an interval of real numbers."""
        return {name: _values(name, distribution) for name, distribution in self.distributions.items()}

    def size(self) -> int:
        """Return the number of points of the grid."""
        return math.prod(map(len, self.grid().values()))

    def contains(self, values: Mapping[str, Any]) -> bool:
        """Return whether every parameter has a value that its distribution allows."""
        return all(name in values and _allows(distribution, values[name]) for name, distribution in self.distributions.items())


def existing(params: Mapping[str, str], config: DictConfig) -> list[str]:
    """Return the sweep overrides of those parameters that are options of the configuration."""
    return [f"{name}={values}" for name, values in params.items() if OmegaConf.select(config, name) is not None]


def in_one_line(values: Mapping[str, Any]) -> str:
    """
    Return the values of a trial for people to read, with rounded numbers.

    >>> in_one_line({"defense.N": 10, "defense.beta": 0.123456})
    'defense.N=10 defense.beta=0.1235'
    """
    return " ".join(f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in values.items())


def _parsed(overrides: Sequence[str], parser: OverridesParser) -> Iterator[tuple[str, Override]]:
    for text in overrides:
        try:
            yield text.partition("=")[0].lstrip("+"), parser.parse_override(text)
        except HydraException as error:
            reason = str(error).splitlines()[0].rpartition("': ")[2]
            raise ConfigError(f"search space of {text}: {reason}; allowed: {_ALLOWED}") from None


def _distribution(override: Override) -> BaseDistribution:
    text = f"search space of {override.input_line}"
    if not override.is_sweep_override():
        raise ConfigError(f"{text}: one value is nothing to tune; allowed: {_ALLOWED}")
    value = override.value()
    tags: set[str] = getattr(value, "tags", set())
    if wrong := tags - ({"log"} if isinstance(value, IntervalSweep) else set()):
        raise ConfigError(f"{text}: tag {', '.join(sorted(wrong))} is not allowed; allowed: {_ALLOWED}")
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
        return CategoricalDistribution([one if isinstance(one, _PLAIN) else text for one, text in zip(elements, texts, strict=True)])
    except ValueError as error:
        raise ConfigError(f"{text}: {error}") from None


def _numeric(numbers: Sequence[float], **options: Any) -> BaseDistribution:
    """Return the distribution from the first to the last number, over integers if all numbers are."""
    kind: Any = IntDistribution if all(isinstance(number, int) for number in numbers) else FloatDistribution
    distribution: BaseDistribution = kind(numbers[0], numbers[-1], **options)
    return distribution


def _text(value: Any) -> str:
    return shown(value) if isinstance(value, bool) else str(value)


def _extremes(distribution: BaseDistribution) -> list[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return [distribution.low, distribution.high]


def _values(name: str, distribution: BaseDistribution) -> list[Any]:
    if isinstance(distribution, IntDistribution):
        return list(range(distribution.low, distribution.high + 1, distribution.step))
    if isinstance(distribution, FloatDistribution):
        if distribution.step is None:
            raise ConfigError(f"search space of {name}: a grid needs choice(...) or range(...), not an interval of real numbers")
        n = round((distribution.high - distribution.low) / distribution.step)
        return [distribution.low + k * distribution.step for k in range(n + 1)]
    return _extremes(distribution)


def _allows(distribution: BaseDistribution, value: Any) -> bool:
    try:
        return bool(distribution._contains(distribution.to_internal_repr(value)))
    except ValueError:
        return False
