"""The benchmark's own command line on tiny data: what is measured depends on the machine, so only its form is looked at."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from experiments import benchmark
from experiments.render.plots import canvas
from experiments.timing import byzfl_rules, gpu_rows, growth, round_rows
from experiments.timing.checkouts import HERE, Checkouts, opened
from experiments.timing.federation_clock import FederationClock
from experiments.timing.rows import TABLES
from fedrec.config.validation import ConfigError
from fedrec.interfaces import Defense
from tests.campaigns.planners import TINY

ROOT = Path(__file__).parents[2]


@pytest.fixture(name="tiny")
def _tiny(monkeypatch, tmp_path):
    for name in ("ml-100k", "az"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.txt").touch()
    monkeypatch.setenv("FEDREC_DATA", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    for module in (round_rows, benchmark):
        monkeypatch.setattr(module, "ml_100k", lambda: [*TINY, "system.clients_per_round=40"])
        monkeypatch.setattr(module, "SETTLED", 4)
    return tmp_path


@pytest.mark.slow
def test_rows_as_tables_and_json(tiny, capsys):
    wanted = ["--only", "mf_median", "--only", "ncf_evaluation", "--before", str(HERE), "--json", str(tiny / "rows.json")]
    assert benchmark.main(wanted) == 0
    printed = capsys.readouterr().out
    assert "MF, median" in printed and "DL, evaluation" in printed
    assert max(map(len, printed.splitlines()[1:])) <= 80  # after the line about the machine
    first, second = json.loads((tiny / "rows.json").read_text())["rows"]
    assert first["table"] == second["table"] == next(iter(TABLES))
    assert all(first["numbers"][name] > 0 for name in ("loop_ms", "before_ms", "now_ms", "limit_ms"))


def test_markdown(tiny, capsys):
    assert benchmark.main(["--only", "byzfl", "--only", "gpu", "--markdown"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "|  | ByzFL ms | now ms | ByzFL / now |" in lines
    assert sum(line.startswith(("| median", "| krum", "| nnm")) for line in lines) == 3
    assert any(line.startswith("| no GPU here") for line in lines) or torch.cuda.is_available()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "bulyn"], "--only bulyn: no such row"),
        (["--only"], "--only: a value must follow"),
        (["--onyl", "mf"], "unknown option --onyl"),
        (["--before", "/"], "--before /: no checkout of this project"),
        (["--json", "/no/such/rows.json"], "--json /no/such/rows.json: there is no such folder"),
    ],
)
def test_a_wrong_argument_ends_in_one_line(tiny, arguments, message, capsys):
    assert benchmark.main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {message}")


def test_without_data(monkeypatch, capsys):
    monkeypatch.delenv("FEDREC_DATA", raising=False)
    assert benchmark.main([]) == 2
    assert capsys.readouterr().err.startswith("error: FEDREC_DATA: must name a folder")


def test_help_names_every_row(capsys):
    assert benchmark.main(["--help"]) == 0
    assert ", ".join(benchmark.ROWS) in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_another_checkout_runs_its_own_code(tmp_path):
    (tmp_path / "fedrec").mkdir()
    for name in ("__init__.py", "experiment.py"):
        (tmp_path / "fedrec" / name).touch()  # without what the clock imports
    with opened(tmp_path) as checkouts, pytest.raises(ConfigError, match="times this checkout ended at prepare"):
        checkouts.before.prepare(*TINY)


def test_only_whole_rounds_are_timed():
    """42 clients in rounds of 16: the third round of an epoch is shorter."""
    clock = FederationClock()
    clock.prepare(*TINY, "attack=pieck_uea", "system.clients_per_round=16")
    assert len(clock.rounds(5)) == 5
    assert clock.experiment.system.round == 7


def test_each_rule_has_an_upload_of_which_nothing_is_calculated_yet():
    clock, capture = FederationClock(), byzfl_rules.Capture()
    clock.prepare(*TINY)
    clock.experiment.system.defense = Defense(server=capture)
    clock.rounds(1)
    by_item = byzfl_rules.rows_by_item(capture.upload)
    assert sum(map(len, by_item)) == len(capture.upload.rows)
    popular = capture.upload.items.mode().values
    assert max(map(len, by_item)) == int((capture.upload.items == popular).sum())
    fresh = byzfl_rules.untouched(capture.upload)
    assert "rows" in vars(capture.upload) and "rows" not in vars(fresh) and torch.equal(fresh.rows, capture.upload.rows)


def test_a_row_of_both_devices():
    asked = []

    class Devices:
        def prepare(self, *options):
            asked.append(options)

        def rounds(self, n):
            return [0.004 / len(asked)] * n

    row = gpu_rows.gpu_row(Devices(), (943, 1682, 256), ["attack=none"], "krum")
    assert asked == [("attack=none", "device=cpu"), ("attack=none", "device=cuda")]
    assert row.name == "943 users, 1,682 items, 256 a round, krum" and row.cells == ["4.00", "2.00", "2.00"]


def test_growth_is_drawn_on_logarithmic_axes():
    measured = {size: [10.0, 20.0] for sizes in growth.AXES.values() for size in sizes}
    drawn = canvas(growth.picture(measured, [1.0, 3.0, 2.0]))
    assert [axes.get_xlabel() for axes in drawn.axes] == [*growth.AXES, "round"]
    assert [axes.get_xscale() for axes in drawn.axes] == ["log", "log", "log", "linear"]
    assert all(axes.get_yscale() == "log" and axes.get_title() for axes in drawn.axes)


def test_growth_of_few_sizes(tiny, monkeypatch):
    monkeypatch.setattr(growth, "AXES", {name: [(60, 80, 32)] * 2 for name in growth.AXES})
    monkeypatch.setattr(growth, "PICTURE", tiny / "scaling.png")
    row, mining = growth.growth(Checkouts(FederationClock(), None))
    assert mining.numbers["dearest_ms"] >= mining.numbers["median_ms"] > 0
    assert row.name == "60 users, 80 items, 32 a round" and min(row.numbers.values()) > 0
    assert (tiny / "scaling.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_rows_of_the_real_program(published, tmp_path):
    wanted = ["--only", "mf_ours", "--only", "command", "--json", str(tmp_path / "rows.json")]
    environment = {**os.environ, "FEDREC_DATA": str(published)}
    subprocess.run([sys.executable, "-m", "experiments.benchmark", *wanted], cwd=ROOT, env=environment, check=True, capture_output=True)
    ours, program = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert ours["numbers"]["loop_ms"] > 0 and ours["numbers"]["now_ms"] > 0 and ours["numbers"]["before_ms"] is None
    assert program["numbers"]["seconds"] > 0
