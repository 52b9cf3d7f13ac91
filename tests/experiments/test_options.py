"""The options of `python -m experiments.paper`."""

from pathlib import Path

from experiments import paper
from experiments.options import DEFAULTS, parse


def test_values_are_converted_and_what_is_hydras_is_passed_on():
    options, passed = parse(["only=table3,fig4", "seeds=2", "storage=null", "tracking.uri=x", "hydra.launcher.n_jobs=3"])
    assert (options.only, options.seeds, options.storage, options.large_seeds) == (["table3", "fig4"], 2, None, 3)
    assert passed == ["tracking.uri=x", "hydra.launcher.n_jobs=3"]


def test_help_and_readme_name_every_option():
    readme = Path(paper.__file__).with_name("README.md").read_text()
    assert all(f"  {name}=" in paper.__doc__ and f"`{name}`" in readme for name in DEFAULTS)
