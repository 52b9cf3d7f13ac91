"""`--help` explains groups, options and overrides on one screen and answers at once."""

import resource
from pathlib import Path

import pytest

from tests.cli.program import ROOT, fedrec

GROUPS = ("dataset", "model", "system", "attack", "defense", "evaluation", "tracking", "experiment")
PUBLIC_OPTIONS = (
    *("seed", "device", "threads", "dataset.root", "dataset.validation", "model.dim"),
    *("system.learning_rate", "system.clients_per_round", "system.epochs", "system.sampling"),
    *("system.negatives_per_positive", "system.loss", "system.malicious_share"),
    *("attack.N", "attack.lambda_", "attack.num_targets", "attack.targets", "defense.N", "defense.beta", "defense.gamma"),
    *("evaluation.k", "evaluation.every", "tracking.snapshot_rounds", "tracking.uri"),
)
LINES, COLUMNS = 50, 100
CPU_SECONDS = 1.5  # of processor time: a busy machine must not fail the test


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.fixture(scope="module")
def help_text(tmp_path_factory: pytest.TempPathFactory) -> str:
    before = cpu_seconds()
    result = fedrec(tmp_path_factory.mktemp("empty"), "--help")
    assert result.returncode == 0, result.stderr
    assert cpu_seconds() - before < CPU_SECONDS
    return result.stdout


def test_help_fits_one_screen(help_text: str) -> None:
    assert len(help_text.splitlines()) <= LINES
    assert max(map(len, help_text.splitlines())) <= COLUMNS


@pytest.mark.parametrize("group", GROUPS)
def test_help_names_every_option_of_a_group(help_text: str, group: str) -> None:
    (line,) = (line for line in help_text.splitlines() if line.split()[:1] == [group])
    assert {path.stem for path in (ROOT / "conf" / group).glob("*.yaml")} <= set(line.replace(",", " ").replace("*", "").split())


@pytest.mark.parametrize("name", PUBLIC_OPTIONS)
def test_help_names_the_public_options(help_text: str, name: str) -> None:
    assert f" {name}=" in help_text


def test_help_says_where_results_go_and_how_to_browse_them(help_text: str) -> None:
    assert "outputs/" in help_text
    assert "mlflow ui --backend-store-uri sqlite:///mlflow.db" in help_text


def test_help_knows_the_groups_of_a_config_dir(tmp_path: Path) -> None:
    (tmp_path / "mine" / "attack").mkdir(parents=True)
    (tmp_path / "mine" / "attack" / "my_attack.yaml").write_text("_target_: my_attack.MyAttack\n")
    assert "my_attack" in fedrec(tmp_path, "--help", "--config-dir", "mine").stdout
