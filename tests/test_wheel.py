"""The wheel holds every module and configuration, and runs from an empty folder in a clean environment."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.cli.program import ROOT, TINY

pytestmark = pytest.mark.slow

SOURCES = ("conf", "fedrec", "LICENSE", "README.md", "pyproject.toml", "setup.cfg")

FROM_PYTHON = f"""
import hydra
with hydra.initialize_config_module("fedrec.conf", version_base="1.3"):
    config = hydra.compose("config", {[*TINY, "model=ncf", "attack=pieck_uea", "attack.N=5"]})
import fedrec
result = fedrec.run(config)
assert result.config["attack"]["repetitions"] == "outer"  # as the paper has it under this model
assert len(fedrec.sweep({[*TINY, "seed=0,1"]})) == 2
"""


def run(*command: str | Path, folder: Path) -> str:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source")  # building leaves folders behind
    for name in SOURCES:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, source)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "dist", ".", folder=source)
    (built,) = (source / "dist").iterdir()
    return built


def test_every_module_and_configuration_ships(wheel: Path) -> None:
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "fedrec").rglob("*.py")} | {"fedrec/py.typed"}
    files = [path for path in (ROOT / "conf").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    configurations = {f"fedrec/{path.relative_to(ROOT)}" for path in files}
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert shipped == modules | configurations


def test_it_runs_in_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    python = tmp_path / "environment/bin/python"
    empty = tmp_path / "empty"
    empty.mkdir()
    run(sys.executable, "-m", "venv", tmp_path / "environment", folder=empty)
    constraints = ROOT / "constraints.txt"
    run(python, "-m", "pip", "install", "--quiet", "--no-compile", "--constraint", constraints, wheel, folder=empty)
    run(python, "-m", "fedrec.main", *TINY[:-1], "attack=pieck_uea", "attack.N=10", "defense=ours", folder=empty)  # with tracking
    assert list(empty.glob("outputs/*/*/summary.json"))
    assert (empty / "mlflow.db").exists()
    run(python, "-c", FROM_PYTHON, folder=empty)
