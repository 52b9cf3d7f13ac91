"""Mistakes in a sweep are found before its first trial; tests/cli/bad_inputs.txt has them."""

from pathlib import Path

from tests.cli.program import fedrec
from tests.sweeps.sweeps import DATA, NAME


def test_a_mistake_leaves_neither_a_study_nor_a_store(tmp_path: Path) -> None:
    result = fedrec(tmp_path, "-m", NAME, *DATA, "sweep=defense", "defense.beta=interval(-1,1)")
    assert result.returncode == 2
    assert "search space of defense.beta: defense.beta=-1.0 is not allowed" in result.stderr and len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("multirun/*/study.db")) and not (tmp_path / "mlflow.db").exists()
