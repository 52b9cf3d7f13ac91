"""What the READMEs show is what a user copies: commands, links and the example of an attack."""

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.program import TINY, fedrec

ROOT = Path(__file__).parents[1]
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.md") if not {".venv", ".flower"} & {*path.parts})
TEXT = (ROOT / "README.md").read_text()


def test_ci_runs_the_command_of_the_readme() -> None:
    (command,) = re.findall(r"^python3 -m venv .*-m pytest$", TEXT, re.MULTILINE)
    assert command in (ROOT / ".ci/run").read_text().splitlines()


def test_the_front_page_is_short() -> None:
    assert len(TEXT.split()) <= 1000
    assert max(map(len, TEXT.splitlines())) < 120


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", (ROOT / page).read_text())
    missing = [link for link in links if "://" not in link and not ((ROOT / page).parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("model", ["mf", "ncf"])
def test_the_attack_of_the_readme_works(tmp_path: Path, model: str) -> None:
    blocks = re.findall(r"```(?:python|yaml)\n# (\S+?\.(?:py|yaml)).*?\n(.*?)```", TEXT, re.DOTALL)
    assert [name for name, _ in blocks] == ["long_items.py", "mine/attack/long_items.yaml"]
    for name, text in blocks:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (command,) = re.findall(r"`python -m fedrec.main (--config-dir mine .*?)`", TEXT)
    result = fedrec(tmp_path, *shlex.split(command), *TINY, f"model={model}", "system.epochs=40")
    assert result.returncode == 0, result.stderr
    (exposure,) = re.findall(r"^ER@10 .*│ +([\d.]+) %$", result.stdout, re.MULTILINE)  # of the last epoch
    assert float(exposure) > 50
