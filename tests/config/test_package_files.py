"""`hydra.initialize_config_module("fedrec.conf")` composes what the command line composes."""

import subprocess
import sys

import hydra
import pytest

from fedrec.config.compose import compose
from tests.cli.program import ENVIRONMENT


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["model=ncf", "attack=pieck_uea", "defense=[ours,norm_bound]"],
        ["variant=released_code", "attack=pieck_ipe", "defense=ours"],
        ["experiment=paper/table4", "dataset=amazon_music"],
        ["sweep=defense", "system.epochs=3"],
    ],
    ids=" ".join,
)
def test_the_package_is_the_folder(overrides):
    """Hydra alone would leave out what files name with dots: the settings of a part under a model or a variant."""
    with hydra.initialize_config_module("fedrec.conf", version_base="1.3"):
        assert hydra.compose("config", overrides) == compose(*overrides)


def test_in_a_fresh_process_which_has_imported_nothing_of_fedrec(tmp_path):
    code = """
import hydra
with hydra.initialize_config_module("fedrec.conf", version_base="1.3"):
    config = hydra.compose("config", ["model=ncf", "attack=pieck_uea"])
print(config.attack.N, config.attack.targets)
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert ended.stdout == "10 random\n"
