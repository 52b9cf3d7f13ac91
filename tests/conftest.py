"""Fixtures that every part of the tests may use, and how hypothesis runs."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

# the same examples every time; others with `pytest --hypothesis-profile=explore`
settings.register_profile("explore", deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fedrec", settings.get_profile("explore"), derandomize=True)
settings.load_profile("fedrec")
torch.set_num_threads(1)  # workers of pytest share the cores
# clusters of the tests take no token, though another Ray may have left one; beside other tests workers at priority 15 would hardly run
os.environ.update(RAY_AUTH_MODE="disabled", RAY_worker_niceness="0")


@pytest.fixture(scope="session")
def published() -> Path:
    """The folder with the published splits: az, ml-100k and ml-1m, each with train.txt and test.txt."""
    folder = os.environ.get("FEDREC_DATA")
    if not folder:
        pytest.skip("the environment variable FEDREC_DATA names no folder with the published splits")
    return Path(folder)
