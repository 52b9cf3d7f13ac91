"""Completion of `python -m fedrec.main` in a real bash."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import ENVIRONMENT

# bash calls a completion function with these variables; COMP_WORDS is cut at COMP_WORDBREAKS, too
SCRIPT = """
_previous() { COMPREPLY=(previous); }
complete -F _previous python
eval "$(python -m fedrec.main -sc install=bash)"
[[ $(complete -p python) == *_fedrec_completion* ]] || exit 1
COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=(python)
_fedrec_completion python
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("python -m fedrec.main atta", {"attack=", "attack."}),
        ("python -m fedrec.main attack=pi", {"pieck_ipe", "pieck_uea"}),
        ("python -m fedrec.main attack=pieck_uea attack.N", {"attack.N="}),
        ("python -m pytest atta", {"previous"}),
    ],
)
def test_bash(tmp_path: Path, line: str, expected: set[str]) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "--norc", "-c", SCRIPT, "bash", line]
    result = subprocess.run(command, cwd=tmp_path, env={**ENVIRONMENT, "PATH": path}, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert expected <= set(result.stdout.split())
    assert all(word.startswith(line.split()[-1].rpartition("=")[2]) for word in result.stdout.split() if word != "previous")


def test_uninstall(tmp_path: Path) -> None:
    evaluate = 'for what in install uninstall; do eval "$("$0" -m fedrec.main -sc $what=bash)"; done'
    command = ["bash", "--norc", "-c", f"complete -F _previous python; {evaluate}; complete -p", sys.executable]
    result = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert "_previous" in result.stdout
    assert "fedrec" not in result.stdout
