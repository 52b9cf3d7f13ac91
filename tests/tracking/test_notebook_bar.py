"""What a notebook shows of a run: one output that changes, and at the end nothing that depends on time."""

from itertools import count
from types import SimpleNamespace

import IPython.display
import pytest

from fedrec.interfaces import Evaluation
from fedrec.tracking import notebook_bar
from fedrec.tracking.notebook_bar import NotebookBar


@pytest.fixture
def shown(monkeypatch):
    """What is displayed: whether it takes the place of an earlier output, where, and its text."""
    told = []

    def display(what, display_id, update):
        told.append((update, display_id, repr(what), what._repr_html_()))

    monkeypatch.setattr(IPython.display, "display", display)
    return told


def follow(bar, n_rounds=3, status="FINISHED"):
    bar.on_run_start(SimpleNamespace(n_rounds=n_rounds, undefined={}))
    for number in range(1, n_rounds + 1):
        bar.on_round_end(SimpleNamespace(round=number))
        bar.on_evaluation(Evaluation(number, number, {"ER@10": 0.5, "HR@10": number / 4}))
    assert bar.on_run_end(status, {}) == {}


def test_one_output_is_drawn_anew_now_and_then(shown, monkeypatch):
    clock = count()
    monkeypatch.setattr(notebook_bar.time, "perf_counter", lambda: 0.1 * next(clock))
    follow(NotebookBar("<job>"), n_rounds=50)
    assert 5 < len(shown) < 25  # of 52 occasions
    assert [update for update, *_ in shown] == [False, *[True] * (len(shown) - 1)] and len({place for _, place, *_ in shown}) == 1
    assert shown[0][2] == "<job>  round 0/50" and " left" in shown[1][2] and "ER@10 0.5000  HR@10" in shown[1][2]
    assert shown[-1][2] == "<job>  round 50/50  ER@10 0.5000  HR@10 12.5000"
    assert shown[-1][3].startswith('<progress value="50" max="50"></progress> <code>&lt;job&gt;  round 50/50')


def test_how_a_run_ended_is_said_if_it_did_not_go_well(shown):
    follow(NotebookBar(), status="KILLED")
    assert shown[-1][2] == "round 3/3  ER@10 0.5000  HR@10 0.7500  KILLED"


def test_jobs_of_a_sweep_take_one_place(shown):
    for number in range(2):
        follow(NotebookBar(f"job {number}", "place", is_shown=number > 0))
    assert [update for update, *_ in shown].count(False) == 1 and {place for _, place, *_ in shown} == {"place"}
