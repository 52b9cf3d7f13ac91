"""`fedrec.audit`: a DataFrame as data, the options as arguments, and mistakes in one line."""

import io
import logging
import os
from contextlib import redirect_stderr, redirect_stdout
from threading import Thread

import numpy as np
import pandas as pd
import pytest

import fedrec
from fedrec.auditing import audit_pages, engine
from fedrec.auditing.audit_result import COLUMNS, AuditResult


@pytest.fixture
def conducted_with(monkeypatch, tmp_path):
    """Return what `conduct_audit` was called with. Nothing is run."""
    calls = []
    empty = {name: pd.DataFrame(columns=list(columns)) for name, columns in COLUMNS.items()}

    def conduct(*arguments):
        calls.append(arguments)
        return AuditResult({}, [], [], **empty)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engine, "conduct_audit", conduct)
    monkeypatch.setattr(audit_pages, "write_pages", lambda result, folder: calls.append(folder))
    return calls


def test_arguments_say_what_the_command_line_says(conducted_with):
    fedrec.audit(
        "dataset=synthetic system.epochs=3 tracking=mlflow",
        budget=90.0,
        attacks=["pieck_uea", "ipm"],
        defenses="[norm_bound,flame],ours",
        levels=[0.1, 0.2],
        seeds=2,
        folder="my audit",
        workers=1,
        progress=False,
    )
    (options, overrides, _, frame, progress), folder = conducted_with
    assert (options.budget, options.attacks, options.defenses) == (90, ["pieck_uea", "ipm"], ["[norm_bound,flame]", "ours"])
    assert (options.levels, options.seeds, options.workers, options.tracking, options.quick) == ([0.1, 0.2], 2, 1, "mlflow", False)
    assert (overrides, frame, progress) == (["dataset=synthetic", "system.epochs=3"], None, False)
    assert options.folder == str(folder) == "my audit"


def test_a_data_frame_takes_the_place_of_a_file(conducted_with):
    table = pd.DataFrame({"user": [1], "item": [2]})
    fedrec.audit(["dataset.user=user"], data=table, quick=True, budget="none")
    options, overrides, _, frame, progress = conducted_with[0]
    assert overrides == ["dataset=table", "dataset.user=user"] and frame is table and progress
    assert (options.folder, options.quick, options.budget) == ("multirun/audit/data_frame-mf", True, None)


@pytest.mark.parametrize(
    ("given", "options", "told"),
    [
        ("attack=pieck_uea", {}, "attack=pieck_uea: an audit chooses attacks itself"),
        ("dataset=nowhere", {}, "dataset=nowhere does not exist"),
        (["--quick"], {}, "--quick: Python takes overrides"),
        (5, {}, "overrides are texts"),
        ("dataset=synthetic", {"budget": 0}, "budget=0 is not allowed"),
        ("dataset=synthetic", {"budget": "soon"}, "budget=soon: expected a time"),
        ("dataset=synthetic", {"attacks": []}, "attacks=\\[\\] is not allowed"),
        ("dataset=synthetic", {"defenses": ["medain"]}, "defenses=medain: there is no defense medain"),
        ("dataset=synthetic", {"levels": [2]}, "levels=\\[2.0\\] is not allowed"),
        ("dataset=synthetic", {"seeds": 0}, "seeds=0 is not allowed"),
        ("dataset=ml100k", {"data": pd.DataFrame()}, "data gives a DataFrame"),
        ("dataset=table", {"data": [1]}, "data must be a DataFrame of pandas"),
    ],
)
def test_a_mistake_is_told_in_one_line(conducted_with, given, options, told):
    with pytest.raises(ValueError, match=f"^{told}[^\n]*$"):
        fedrec.audit(given, **options)
    assert not conducted_with


def test_one_audit_at_a_time(conducted_with, monkeypatch):
    errors = []

    def another(*arguments):
        try:
            fedrec.audit("dataset=synthetic")
        except ValueError as error:
            errors.append(str(error))

    def conduct(*arguments):
        (thread := Thread(target=another)).start()
        thread.join()

    monkeypatch.setattr(engine, "conduct_audit", conduct)
    fedrec.audit("dataset=synthetic")
    assert [error[:20] for error in errors] == ["another run goes on "]


@pytest.mark.slow
def test_a_real_audit_of_a_data_frame_says_only_how_it_reads_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))  # a launcher sets it
    draw = np.random.default_rng(0)
    table = pd.DataFrame({"customer": draw.integers(0, 60, 1500), "sku": [f"B{item:03d}" for item in draw.zipf(1.3, 1500) % 80]})
    options = ["dataset.user=customer", "dataset.item=sku", "dataset.duplicates=last", "system.epochs=2"]
    told = {"attacks": "popular,ipm", "defenses": "median", "levels": [0.1], "seeds": 1, "workers": 1, "folder": "shop", "budget": "30s"}
    log, out, error = (logging.getLogger().level, logging.getLogger().handlers[:]), io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(error):
        result = fedrec.audit(options, data=table, progress=False, **told)
    assert (logging.getLogger().level, logging.getLogger().handlers[:]) == log
    told_of_data = ("user = customer, item = sku", "no column of times", "rows repeat a pair")
    assert not out.getvalue()
    assert all(any(text in line for text in told_of_data) for line in error.getvalue().splitlines())
    assert len(result.verdict) == 4 and result.facts["users"] == 60
    assert {*result.price["defense"]} == {"none", "median"} and len(result.runs)
    assert (tmp_path / "shop/audit.html").is_file()
    again = fedrec.audit(options, data=table, progress=False, **told)
    assert again.runs.to_json() == result.runs.to_json() and again.verdict == result.verdict
