"""What `import fedrec` offers, and that it costs nothing until it is used."""

import subprocess
import sys

import pytest

import fedrec


def test_importing_the_package_imports_nothing_heavy():
    heavy = "{'hydra', 'numpy', 'omegaconf', 'pandas', 'torch'}"
    code = f"import sys, fedrec; assert fedrec.__version__; print(*sorted({heavy} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


def test_everything_in_the_public_api_is_there():
    for name in fedrec.__all__:
        assert getattr(fedrec, name)
    assert fedrec.compose("attack=pieck_uea", "attack.N=7").attack.N == 7
    with pytest.raises(AttributeError, match="module 'fedrec' has no attribute 'load'"):
        fedrec.load  # noqa: B018
