"""Texts fit the terminal."""

import subprocess
import sys

import pytest

from fedrec.cli.terminal_width import columns, fitted
from tests.cli.program import ENVIRONMENT, ROOT

PROGRAMS = (["fedrec.catalog"], ["fedrec.data"], ["fedrec.data", "describe"], ["experiments.paper"], ["experiments.report"])


@pytest.mark.parametrize(("terminal", "shown"), [("10", 40), ("60", 60), ("500", 160)])
def test_a_text_is_as_wide_as_the_terminal_within_reason(monkeypatch: pytest.MonkeyPatch, terminal: str, shown: int) -> None:
    monkeypatch.setenv("COLUMNS", terminal)
    assert columns() == shown


def test_words_go_on_below_what_they_belong_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    text = (
        "A sentence longer than the terminal wraps.\n\n  name=A   what it means, in as many words\n  very_long_name_of_an_option=X   short"
    )
    assert fitted(text).splitlines() == [
        "A sentence longer than the terminal",
        "wraps.",
        "",
        "  name=A   what it means, in as many",
        "           words",
        "  very_long_name_of_an_option=X   short",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("columns", [60, 80, 160])
@pytest.mark.parametrize("program", PROGRAMS, ids=" ".join)
def test_the_help_of_every_program_fits(program: list[str], columns: int) -> None:
    command = [sys.executable, "-m", *program, "--help"]
    done = subprocess.run(
        command, cwd=ROOT, env=ENVIRONMENT | {"COLUMNS": str(columns)}, capture_output=True, text=True, timeout=180, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) > 5
    assert max(map(len, lines)) <= columns
