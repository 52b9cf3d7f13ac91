"""What the command prints, in which order, and how it ends; what it conducts is made up here."""

import shlex
import signal

import pandas as pd
import pytest

from fedrec.audit import main
from fedrec.auditing import audit_program
from fedrec.auditing.audit_result import COLUMNS, AuditResult

DATA = "dataset=synthetic"
OPTIONS = [DATA, "model.dim=16", "dataset.exponent=0.5", "system.client_learning_rate=0.25", "evaluation.max_users=100"]
VERDICT = ["Without a defense, about 7 fake accounts put an unknown item into the top 10 of 20 % of the users.", "One. " * 9, "Two. " * 9]


def result(defense="[norm_bound,flame]", settings="defense.bound=0.1", failed=()):
    rows = [("none", "", 0.9, False), (defense, settings, 0.01, defense != "none")]
    front = pd.DataFrame(rows, columns=["defense", "settings", "exposure", "recommended"]).reindex(columns=list(COLUMNS["front"]))
    tables = {name: pd.DataFrame(columns=list(columns)) for name, columns in COLUMNS.items()} | {"front": front}
    left_out = ["What was left out. " * 6, *(f"A run failed: {one}" for one in failed)]
    return AuditResult({"failed": list(failed)}, VERDICT, left_out, **tables)


@pytest.fixture
def audited(tmp_path, monkeypatch, capsys):
    """Return a function that gives the command with a made-up engine, and returns its status and output."""
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(audit_program, "write_pages", lambda result, folder: [folder / "audit.html", folder / "audit.md"])
    monkeypatch.setattr(audit_program, "planned", lambda *arguments: "price  3 runs")

    def call(*arguments, conduct=lambda *arguments: result()):
        monkeypatch.setattr(audit_program, "conduct_audit", conduct)
        return main(arguments), *capsys.readouterr()

    yield call
    signal.signal(signal.SIGTERM, handler)


def test_first_what_it_will_do_then_what_it_has_found(audited, capsys):
    before = []

    def conduct(*arguments):
        before.append(capsys.readouterr().out)
        return result()

    status, after, _ = audited(*OPTIONS, "--quick", conduct=conduct)
    assert status == 0
    assert "Audit of synthetic with mf: 2 attacks against 2 defenses and against none, each with 1 seed." in before[0].replace("\n", " ")
    assert "for about 45s" in before[0] and "multirun/audit/synthetic-mf" in before[0] and "price" not in before[0]
    assert max(map(len, [*before[0].splitlines(), *after.splitlines()])) <= 80
    assert after.index("Without a defense") < after.index("Recommended: [norm_bound,flame]") < after.index("What was left out")
    assert after.endswith("page: multirun/audit/synthetic-mf/audit.html\n")


def test_the_command_that_uses_the_defense_is_one_for_a_shell(audited):
    told = audited(*OPTIONS)[1].split("This command trains with it:\n")[1].split("\n\n")[0]
    assert told.count("\\\n") >= 1
    defended = ["defense=[norm_bound,flame]", "defense.bound=0.1"]
    assert shlex.split(told.replace("\\\n", "")) == ["python", "-m", "fedrec.main", *OPTIONS, *defended]


def test_without_a_defense_worth_it_no_command_is_shown(audited):
    assert "Recommended" not in audited(DATA, conduct=lambda *arguments: result("none", ""))[1]


def test_failed_runs_are_named(audited):
    status, out, _ = audited(DATA, conduct=lambda *arguments: result(failed=["attack=ipm seed=0: no memory"]))
    assert status == 1 and "A run failed: attack=ipm seed=0: no memory" in out


def test_a_plan_conducts_nothing(audited, tmp_path):
    status, out, _ = audited(DATA, "--dry-run", conduct=None)
    assert status == 0 and out.endswith("price  3 runs\n") and not [*tmp_path.iterdir()]


def test_without_a_budget_the_plan_says_how_long_it_takes(audited):
    out = audited(DATA, "budget=none")[1]
    assert "until everything is answered" in out.replace("\n", " ") and out.index("price  3 runs") < out.index("Without")


@pytest.mark.parametrize(("told", "status"), [((), 130), ((signal.SIGTERM,), 143)])
def test_an_interruption_says_how_to_go_on(audited, told, status):
    def conduct(*arguments):
        raise KeyboardInterrupt(*told)

    ended, _, errors = audited(DATA, conduct=conduct)
    assert (ended, errors) == (status, "interrupted: the same command goes on from here\n")
