"""Hydra's sweep syntax -> Optuna's distributions, and back from a trial's values to overrides.

interval(0, 1)  tag(log, interval(0.01, 100))  int(interval(1, 10))  range(0, 100, step=5)  choice(a, b)  a,b
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from fedrec.config.validation import ConfigError, shown

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial

_ALLOWED = "interval(LOW, HIGH), range(START, STOP, step=STEP), choice(A, B), and of these int(...), tag(log, interval(...))"
_PLAIN = (bool, int, float, str)  # what Optuna keeps as a choice; anything else goes by its text


@dataclass(frozen=True)
class SearchSpace:
    """What a study may change; keys are options (`defense.beta`) or groups (`attack`)."""

    distributions: Mapping[str, "BaseDistribution"]

    @classmethod
    def parse(cls, overrides: Sequence[str], parser: OverridesParser) -> "SearchSpace":
        """From sweep overrides, `KEY=interval(0,1)` for instance. Raises ConfigError, which names the parameter."""
        return cls({name: _distribution(override) for name, override in _parsed(overrides, parser)})

    def suggest(self, trial: "Trial") -> list[str]:
        """The overrides of a trial."""
        return self.overrides({name: trial._suggest(name, distribution) for name, distribution in self.distributions.items()})

    def overrides(self, values: Mapping[str, Any]) -> list[str]:
        """The overrides that set these values of the space's parameters."""
        return [f"{name}={_text(values[name])}" for name in self.distributions if name in values]

    def shown(self, values: Mapping[str, Any]) -> str:
        """The overrides in one line, numbers rounded for reading."""
        return " ".join(f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in values.items())

    def corners(self) -> Iterator[tuple[str, str]]:
        """Parameter and override for the smallest and the largest value, or for every choice."""
        for name, distribution in self.distributions.items():
            for value in _extremes(distribution):
                yield name, f"{name}={_text(value)}"

    def grid(self) -> dict[str, list[Any]]:
        """All values of every parameter. Raises ConfigError for an interval of real numbers."""
        return {name: _values(name, distribution) for name, distribution in self.distributions.items()}

    def size(self) -> int:
        """How many points the grid has."""
        return math.prod(map(len, self.grid().values()))

    def contains(self, values: Mapping[str, Any]) -> bool:
        """Whether every parameter has a value, and one that its distribution allows."""
        return all(name in values and _allows(distribution, values[name]) for name, distribution in self.distributions.items())


def _parsed(overrides: Sequence[str], parser: OverridesParser) -> Iterator[tuple[str, Override]]:
    for text in overrides:
        try:
            yield text.partition("=")[0].lstrip("+"), parser.parse_override(text)
        except HydraException as error:
            reason = str(error).splitlines()[0].rpartition("': ")[2]
            raise ConfigError(f"search space of {text}: {reason}; allowed: {_ALLOWED}") from None


def _distribution(override: Override) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    value = override.value()
    text = f"search space of {override.input_line}"
    if not override.is_sweep_override():
        raise ConfigError(f"{text}: one value is nothing to tune; allowed: {_ALLOWED}")
    tags: set[str] = getattr(value, "tags", set())
    if wrong := tags - ({"log"} if isinstance(value, IntervalSweep) else set()):
        raise ConfigError(f"{text}: tag {', '.join(sorted(wrong))} is not allowed; allowed: {_ALLOWED}")
    kind: Any
    try:
        if isinstance(value, IntervalSweep):
            assert value.start is not None and value.end is not None
            kind = IntDistribution if isinstance(value.start, int) and isinstance(value.end, int) else FloatDistribution
            return kind(value.start, value.end, log="log" in tags)  # type: ignore[no-any-return]
        if isinstance(value, RangeSweep):
            numbers = sorted(value.range())  # the order is the sampler's
            if not numbers:
                raise ValueError("it is empty")
            kind = IntDistribution if all(isinstance(number, int) for number in numbers) else FloatDistribution
            return kind(numbers[0], numbers[-1], step=abs(value.step))  # type: ignore[no-any-return]
        texts = list(override.sweep_string_iterator())
        elements = value.list if isinstance(value, ChoiceSweep) else texts
        return CategoricalDistribution([one if isinstance(one, _PLAIN) else text for one, text in zip(elements, texts, strict=True)])
    except ValueError as error:
        raise ConfigError(f"{text}: {error}") from None


def _text(value: Any) -> str:
    return shown(value) if isinstance(value, bool) else str(value)


def _extremes(distribution: "BaseDistribution") -> list[Any]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return [distribution.low, distribution.high]


def _values(name: str, distribution: "BaseDistribution") -> list[Any]:
    from optuna.distributions import FloatDistribution, IntDistribution

    if isinstance(distribution, IntDistribution):
        return list(range(distribution.low, distribution.high + 1, distribution.step))
    if isinstance(distribution, FloatDistribution):
        if distribution.step is None:
            raise ConfigError(f"search space of {name}: a grid needs choice(...) or range(...), not an interval of real numbers")
        n = round((distribution.high - distribution.low) / distribution.step)
        return [distribution.low + k * distribution.step for k in range(n + 1)]
    return _extremes(distribution)


def _allows(distribution: "BaseDistribution", value: Any) -> bool:
    try:
        return bool(distribution._contains(distribution.to_internal_repr(value)))
    except ValueError:
        return False


def existing(params: Mapping[str, str], config: DictConfig) -> list[str]:
    """Sweep overrides of those parameters that are options of the configuration."""
    return [f"{name}={values}" for name, values in params.items() if OmegaConf.select(config, name) is not None]
