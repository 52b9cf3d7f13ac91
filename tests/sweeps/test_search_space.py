"""Hydra's sweep syntax as distributions of Optuna, and values as overrides."""

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution as Choice
from optuna.distributions import FloatDistribution as Real
from optuna.distributions import IntDistribution as Whole

from fedrec.config.validation import ConfigError
from fedrec.sweeps.search_space import SearchSpace

PARSER = OverridesParser.create()


def parse(*overrides: str) -> SearchSpace:
    return SearchSpace.parse(overrides, PARSER)


@pytest.mark.parametrize(
    ("values", "distribution"),
    [
        ("interval(0,1)", Real(0, 1)),
        ("int(interval(1,10))", Whole(1, 10)),
        ("tag(log,interval(0.01,100))", Real(0.01, 100, log=True)),
        ("int(tag(log,interval(1,200)))", Whole(1, 200, log=True)),
        ("tag(log,int(interval(1,200)))", Whole(1, 200, log=True)),
        ("range(0,10,step=3)", Whole(0, 9, step=3)),  # as in Hydra, the end is not part of a range
        ("range(5)", Whole(0, 4)),
        ("range(0,1,step=0.25)", Real(0, 0.75, step=0.25)),
        ("float(range(1,4))", Real(1, 3, step=1)),
        ("1,2,7", Choice([1, 2, 7])),
        ("choice(ours,[ours,krum],true)", Choice(["ours", "[ours,krum]", True])),
        ("shuffle(range(3))", Whole(0, 2)),
    ],
)
def test_syntax(values: str, distribution: object) -> None:
    assert parse(f"defense.beta={values}").distributions == {"defense.beta": distribution}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ("interval(1,0)", "low <= high"),
        ("tag(log,interval(0,1))", "low > 0"),
        ("intervall(0,1)", "Unknown function 'intervall'"),
        ("interval(1)", "missing a required argument"),
        ("range(3,1)", "empty"),
        ("tag(linear,interval(0,1))", "tag linear"),
        ("tag(log,range(1,9))", "tag log"),
    ],
)
def test_errors_name_the_parameter(values: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=r"^search space of defense\.beta=") as error:
        parse(f"defense.beta={values}")
    assert reason in str(error.value) and "\n" not in str(error.value)


@given(st.floats(1e-12, 1e12, exclude_max=True), st.integers(-(10**9), 10**9), st.sampled_from(["ours", "[ours,krum]", True, 0.5]))
def test_an_override_sets_exactly_the_value(real: float, whole: int, choice: object) -> None:
    space = parse("a.b=interval(0,1e12)", "c=int(interval(-1000000000,1000000000))", "d=choice(ours,[ours,krum],true,0.5)")
    read = [PARSER.parse_override(text).value() for text in space.overrides({"a.b": real, "c": whole, "d": choice})]
    assert read == [real, whole, ["ours", "krum"] if choice == "[ours,krum]" else choice]


def test_suggestions_are_overrides_within_the_space() -> None:
    space = parse("a=interval(0,1)", "attack=x,y")
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    for _ in range(20):
        trial = study.ask()
        space.suggest(trial)
        number, choice = space.overrides(trial.params)
        assert 0 <= float(number.removeprefix("a=")) <= 1 and choice in {"attack=x", "attack=y"}
        assert space.contains(trial.params)


def test_corners_grid_and_membership() -> None:
    space = parse("a=range(0,3)", "b=x,y")
    assert list(space.corners()) == [("a", "a=0"), ("a", "a=2"), ("b", "b=x"), ("b", "b=y")]
    assert space.grid() == {"a": [0, 1, 2], "b": ["x", "y"]}
    assert space.contains({"a": 2, "b": "x"})
    assert not space.contains({"a": 3, "b": "x"}) and not space.contains({"a": 1}) and not space.contains({"a": 1, "b": "z"})
    assert parse("a=range(0,0.5,step=0.25)").grid() == {"a": [0.0, 0.25]}
    with pytest.raises(ConfigError, match=r"^search space of a: a grid needs"):
        parse("a=interval(0,1)").grid()
