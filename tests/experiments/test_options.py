"""The options of `python -m experiments.paper`."""

from pathlib import Path

import pytest

from experiments import paper
from experiments.options import DEFAULTS, parse
from fedrec.config.validation import ConfigError


def test_values_are_converted_and_what_is_hydras_is_passed_on():
    options, passed = parse(["only=table3,fig4", "seeds=2", "storage=null", "tracking.uri=x", "hydra.launcher.n_jobs=3"])
    assert (options.only, options.seeds, options.storage, options.large_seeds) == (["table3", "fig4"], 2, None, 3)
    assert passed == ["tracking.uri=x", "hydra.launcher.n_jobs=3"]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("onyl=table3", "unknown option onyl: there are only, datasets, seeds,"),
        ("attack.N=3", "unknown option attack: there are only, datasets, seeds,"),
        ("seeds=0", "seeds=0 is not allowed: must be a whole number >= 1"),
        ("datasets=ml100", "did you mean ml100k?"),
        ("--fast", "--fast: expected KEY=VALUE, --dry-run, --json or --help"),
    ],
)
def test_a_wrong_option_is_named(argument, message):
    with pytest.raises(ConfigError) as raised:
        parse([argument])
    assert message in str(raised.value)


def test_help_and_readme_name_every_option():
    readme = Path(paper.__file__).with_name("README.md").read_text()
    assert all(f"  {name}=" in paper.__doc__ and f"`{name}`" in readme for name in DEFAULTS)
