"""`python -m fedrec.catalog` in a subprocess: tables, JSON, plug-ins, mistakes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fedrec.cli.cards import GROUPS
from tests.cli.program import ENVIRONMENT, ROOT

CHOICES = [f"{group}={path.stem}" for group in GROUPS for path in sorted((ROOT / "conf" / group).glob("*.yaml"))]


def catalog(folder: Path, *arguments: str, columns: int = 100) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fedrec.catalog", *arguments]
    environment = {**ENVIRONMENT, "COLUMNS": str(columns)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("columns", [80, 100])
def test_tables_show_everything_within_the_screen(tmp_path: Path, columns: int) -> None:
    result = catalog(tmp_path, columns=columns)
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    for choice in CHOICES:
        assert any(line.split()[:1] == [choice.partition("=")[2]] for line in lines)
    for text in ("knowledge: none", "models: MF-FRS, DL-FRS", "init_std = 0.01 (a number > 0)"):
        assert text in result.stdout


def test_one_card_in_full(tmp_path: Path) -> None:
    result = catalog(tmp_path, "attack=pieck_uea", columns=200)
    assert result.stdout.startswith("attack=pieck_uea: PIECK-UEA: user embedding approximation (Sec. IV-D, Algorithm 3)\nZhang et al., ")
    assert re.search(r"\n *rounds +3 \| ncf: 1 +a whole number >= 1 +passes over the batches; ", result.stdout)
    assert "pieck_ipe" not in result.stdout


def test_json_is_one_document(tmp_path: Path) -> None:
    document = json.loads(catalog(tmp_path, "--json").stdout)
    assert [f"{group}={name}" for group in document for name in document[group]] == CHOICES
    card = document["attack"]["pieck_ipe"]
    assert set(card) == {"summary", "paper", "knowledge", "applies_to", "target", "parameters"}
    lambda_ = card["parameters"]["lambda_"]
    assert (lambda_["default"], lambda_["allowed"]) == (0.9, "a number > 0 and <= 1")
    assert card["parameters"]["vanishing_guard"]["by_model"] == {"ncf": 0.95}
    assert lambda_["meaning"].startswith("lambda of Eq. (8)")
    assert json.loads(catalog(tmp_path, "--json", "attack=pieck_ipe").stdout)["attack"] == {"pieck_ipe": card}


def test_the_attack_and_the_rule_of_the_readme(tmp_path: Path) -> None:
    for name, text in re.findall(r"```(?:python|yaml)\n# (\S+?\.(?:py|yaml)).*?\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    rule = json.loads(catalog(tmp_path, "--config-dir", "mine", "--json", "defense=median_norm").stdout)["defense"]["median_norm"]
    assert (rule["paper"], rule["parameters"]["factor"]["meaning"]) == ("my own", "times the median; > 0")
    card = json.loads(catalog(tmp_path, "--config-dir", "mine", "--json", "attack=mean_item").stdout)["attack"]["mean_item"]
    assert (card["paper"], card["knowledge"], card["applies_to"]) == ("my own", "none", "MF-FRS, DL-FRS")
    assert card["parameters"]["num_targets"]["allowed"] == "a whole number >= 1"
    assert card["parameters"]["strength"]["default"] == 5.0
    assert card["parameters"]["strength"]["allowed"] == "a number"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["attack=pieck_eua"], "there is no attack=pieck_eua; did you mean attack=pieck_uea?"),
        (["--jso"], "unrecognized arguments: --jso"),
        (["--config-dir", "nowhere"], "--config-dir nowhere: there is no such folder"),
    ],
)
def test_a_mistake_ends_in_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    result = catalog(tmp_path, *arguments)
    assert (result.returncode, result.stdout, result.stderr) == (2, "", f"error: {message}\n")


@pytest.mark.parametrize("call", ["fedrec.catalog.main([])", "fedrec.cli.help.usage(['--help'])"])
def test_nothing_heavy_is_imported(tmp_path: Path, call: str) -> None:
    code = f"import sys, fedrec.catalog, fedrec.cli.help; {call}; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
