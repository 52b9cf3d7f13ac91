"""Fixtures that every part of the tests may use, and the profiles of hypothesis."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

from fedrec.config.compose import compose

# `default` tries few examples, the same ones every time; `pytest --hypothesis-profile=explore` tries many new ones.
SLOW_EXAMPLES = [HealthCheck.too_slow]
settings.register_profile("default", deadline=None, max_examples=4, derandomize=True, suppress_health_check=SLOW_EXAMPLES)
settings.register_profile("explore", deadline=None, max_examples=200, suppress_health_check=SLOW_EXAMPLES)
settings.load_profile("default")
compose()  # lets Hydra look for plug-ins, and load its own anew, before a test imports a class that is derived from one of them
torch.set_num_threads(1)  # workers of pytest share the cores
collect_ignore_glob = ["*/conftest.py"]  # several folders have one, and pytest would look for doctests in modules of the same name
# Ray clusters of the tests take no token, although another Ray may have left one. Ray starts its workers at a low priority, at which they
# would hardly run beside other tests.
os.environ.update(RAY_AUTH_MODE="disabled", RAY_worker_niceness="0")


@pytest.fixture(scope="session")
def published() -> Path:
    """The folder with the published splits: az, ml-100k and ml-1m, each with train.txt and test.txt."""
    folder = os.environ.get("FEDREC_DATA")
    if not folder:
        pytest.skip("the environment variable FEDREC_DATA names no folder with the published splits")
    return Path(folder)
