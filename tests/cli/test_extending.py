"""The examples of fedrec/README.md, which is where an author of a new part starts: each command runs with the files that the page shows."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.program import ROOT, TINY, Ended

TEXT = (ROOT / "fedrec" / "README.md").read_text()
FILES = dict(re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", TEXT, re.DOTALL))
COMMANDS = re.findall(r"^python -m fedrec\.main (--config-dir mine .*)$", TEXT, re.MULTILINE)
RATINGS = [(user, item) for user in range(30) for item in range(60) if (user + item) % 4 == 0]


def test_the_page_shows_every_kind_of_part():
    assert {name.split("/")[1] for name in FILES if "/" in name} == {"dataset", "defense", "model", "tracking"}
    assert len(COMMANDS) == sum(name.endswith(".yaml") for name in FILES)


@pytest.mark.parametrize("command", COMMANDS)
def test_an_example_runs(program: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "ratings.csv").write_text("".join(f"{user},{item}\n" for user, item in RATINGS))
    arguments = shlex.split(command)
    given = {one.partition("=")[0] for one in arguments}
    tiny = [one for one in TINY if not given & {one.partition("=")[0], one.partition(".")[0]}]
    sizes = [
        option
        for group, option in (("attack", "attack.N=5"), ("defense=[ours", "defense.N=5"))
        if any(one.startswith(group) for one in arguments)
    ]
    ended = program(*arguments, *tiny, *sizes)
    assert ended.returncode == 0, ended.stderr
    assert "ER@10" in ended.stdout
