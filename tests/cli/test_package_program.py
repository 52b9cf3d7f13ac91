"""`python -m fedrec` is `python -m fedrec.main`."""

import subprocess
import sys

import pytest

from tests.cli.program import ENVIRONMENT, TINY


def called(folder, module, *arguments):
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=180, check=False)


@pytest.mark.parametrize(("arguments", "status"), [(("--help",), 0), (("attack=nobody",), 2), (("--cfg", "job"), 0)])
def test_it_answers_as_the_long_name_does(tmp_path, arguments, status):
    short, long = called(tmp_path, "fedrec", *arguments), called(tmp_path, "fedrec.main", *arguments)
    assert short.returncode == long.returncode == status
    assert (short.stdout, short.stderr) == (long.stdout, long.stderr)


@pytest.mark.slow
def test_it_runs_and_sweeps_in_several_processes(tmp_path):
    assert called(tmp_path, "fedrec", *TINY).returncode == 0
    assert called(tmp_path, "fedrec", *TINY, "seed=0,1", "-m", "hydra/launcher=joblib").returncode == 0
    assert len(list(tmp_path.glob("*/*/*/**/summary.json"))) == 3
