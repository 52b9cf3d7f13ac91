"""Completion of `python -m fedrec.main` in a real bash."""

import os
import subprocess
import sys
from pathlib import Path

from tests.cli.program import ENVIRONMENT

# bash calls a completion function with these variables; COMP_WORDS is cut at COMP_WORDBREAKS, too
SCRIPT = """
_previous() { COMPREPLY=(previous); }
complete -F _previous python
eval "$(python -m fedrec.main -sc install=bash)"
[[ $(complete -p python) == *_fedrec_completion* ]] || exit 1
for line in "$@"; do
    COMP_LINE=$line COMP_POINT=${#line} COMP_WORDS=(python)
    _fedrec_completion python
    echo "${COMPREPLY[*]}"
done
eval "$(python -m fedrec.main -sc uninstall=bash)"
complete -p
"""
LINES = {  # the line -> what must be among the proposals
    "python -m fedrec.main atta": {"attack=", "attack."},
    "python -m fedrec.main attack=pi": {"pieck_ipe", "pieck_uea"},
    "python -m fedrec.main attack=pieck_uea attack.N": {"attack.N="},
    "python -m pytest atta": {"previous"},
}


def test_bash(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "--norc", "-c", SCRIPT, "bash", *LINES]
    result = subprocess.run(command, cwd=tmp_path, env={**ENVIRONMENT, "PATH": path}, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    *proposed, last = [set(line.split()) for line in result.stdout.splitlines()[: len(LINES)]]
    for (line, expected), words in zip(LINES.items(), proposed, strict=False):
        assert expected <= words
        assert all(word.startswith(line.split()[-1].rpartition("=")[2]) for word in words)
    assert last == {"previous"}
    after = "\n".join(result.stdout.splitlines()[len(LINES) :])
    assert "_previous" in after
    assert "fedrec" not in after
