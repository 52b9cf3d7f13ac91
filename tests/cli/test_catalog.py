"""`python -m fedrec.catalog`: tables, JSON, plug-ins, mistakes."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fedrec.catalog import main
from fedrec.cli.cards import GROUPS
from tests.cli.program import ENVIRONMENT, ROOT, Ended

Catalog = Callable[..., Ended]

CHOICES = [f"{group}={path.stem}" for group in GROUPS for path in sorted((ROOT / "conf" / group).glob("*.yaml"))]


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Catalog:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, columns: int = 100) -> Ended:
        monkeypatch.setenv("COLUMNS", str(columns))
        try:
            status = main(arguments)
        except SystemExit as ended:
            status = int(str(ended.code))
        return Ended(status, *capsys.readouterr())

    return run


@pytest.mark.parametrize("columns", [80, 100])
def test_tables_show_everything_within_the_screen(catalog: Catalog, columns: int) -> None:
    result = catalog(columns=columns)
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    for choice in CHOICES:
        assert any(line.split()[:1] == [choice.partition("=")[2]] for line in lines)
    for text in ("knowledge: none", "models: MF-FRS, DL-FRS", "init_std = 0.01 (a number > 0)"):
        assert text in result.stdout


def test_one_card_in_full(catalog: Catalog) -> None:
    result = catalog("attack=pieck_uea", columns=200)
    assert result.stdout.startswith("attack=pieck_uea: PIECK-UEA: user embedding approximation (Sec. IV-D, Algorithm 3). Its defaults")
    assert "\nZhang et al., PIECK, ICDE 2024\n" in result.stdout
    assert re.search(r"\n *rounds +3 \| ncf: 1 +a whole number >= 1 +passes over the batches; ", result.stdout)
    assert "pieck_ipe" not in result.stdout


def test_json_is_one_document(catalog: Catalog) -> None:
    document = json.loads(catalog("--json").stdout)
    assert [f"{group}={name}" for group in document for name in document[group]] == CHOICES
    card = document["attack"]["pieck_ipe"]
    assert set(card) == {"summary", "paper", "knowledge", "applies_to", "target", "parameters"}
    lambda_ = card["parameters"]["lambda_"]
    assert (lambda_["default"], lambda_["allowed"]) == (0.9, "a number > 0 and <= 1")
    assert card["parameters"]["vanishing_guard"]["by_model"] == {"ncf": 0.95}
    assert lambda_["meaning"].startswith("lambda of Eq. (8)")
    assert json.loads(catalog("--json", "attack=pieck_ipe").stdout)["attack"] == {"pieck_ipe": card}


def test_parts_of_ones_own_have_cards(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The examples that READMEs show."""
    monkeypatch.syspath_prepend(tmp_path)
    text = (ROOT / "README.md").read_text() + (ROOT / "fedrec" / "README.md").read_text()
    for name, content in re.findall(r"```(?:python|yaml)\n# (\S+?\.(?:py|yaml))\n(.*?)```", text, re.DOTALL):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    rule = json.loads(catalog("--config-dir", "mine", "--json", "defense=mean_length").stdout)["defense"]["mean_length"]
    assert (rule["paper"], rule["parameters"]["factor"]["meaning"]) == ("my own", "times the mean; > 0")
    attack = json.loads(catalog("--config-dir", "mine", "--json", "attack=long_items").stdout)["attack"]["long_items"]
    assert attack["parameters"]["num_targets"]["allowed"] == "a whole number >= 1"
    assert (attack["parameters"]["strength"]["default"], attack["parameters"]["strength"]["allowed"]) == (10.0, "a number > 0")


@pytest.mark.parametrize("call", ["fedrec.catalog.main([])", "fedrec.main.main(['--help'])"])
def test_nothing_heavy_is_imported(tmp_path: Path, call: str) -> None:
    """Both must answer at once."""
    code = (
        f"import sys, fedrec.catalog, fedrec.main; {call}; print(*{{'torch', 'numpy', 'pandas', 'mlflow', 'optuna'}} & sys.modules.keys())"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == ""
