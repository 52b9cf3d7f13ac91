"""Laws of every file in conf/dataset: it mirrors its constructor, and importing its module stays cheap."""

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from omegaconf import OmegaConf

ROOT = Path(__file__).parents[2]
NAMES = "movielens", "large_movielens", "filmtrust", "amazon", "amazon_category", "published_splits", "presplit", "synthetic"
CONFIGS = sorted((ROOT / "conf/dataset").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_yaml_mirrors_the_constructor(path):
    options = dict(OmegaConf.load(path))
    module, _, name = options.pop("_target_").rpartition(".")
    constructor = getattr(import_module(module), name)
    parameters = inspect.signature(constructor).parameters
    assert list(options) == list(parameters)
    assert all(parameter.default is parameter.empty for parameter in parameters.values())
    assert callable(constructor(**options).load)


def test_import_waits_for_what_only_loading_needs():
    modules = ", ".join(f"fedrec.data.{name}" for name in NAMES)
    program = f"import sys, {modules}; print([name for name in ('pooch', 'requests', 'pandas') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
