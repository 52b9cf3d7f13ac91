"""Many workers on one study: every trial is taken once, and the total is kept."""

from collections import Counter
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.trial import TrialState

from fedrec.sweeps.repetition import WORKER
from fedrec.sweeps.search_space import SearchSpace
from tests.sweeps.studies import claim, in_processes, open_study, work
from tests.tracking.runs import wait_until


def test_many_workers_take_every_trial_once(tmp_path: Path) -> None:
    taken = in_processes(3, tmp_path, 30)
    assert sorted(number for numbers in taken for number in numbers) == list(range(30))
    study = open_study(tmp_path, 30)
    assert study.is_complete and len(study.counted()) == 30
    assert len({trial.params["x"] for trial in study.counted()}) == 30  # no two workers draw alike


def test_a_grid_is_visited_once_by_all_workers(tmp_path: Path) -> None:
    space = SearchSpace.parse(["x=range(0,4)", "n=range(0,3)"], OverridesParser.create())
    in_processes(2, tmp_path, 12, "grid", space)
    points = [tuple(trial.params.values()) for trial in open_study(tmp_path, 12).counted()]
    assert len(points) == len(set(points)) == 12


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", *(pytest.param(name, marks=pytest.mark.slow) for name in ("random", "nsgaii"))])
def test_a_study_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path, sampler: str) -> None:
    parameters = []
    for folder, totals in (("at_once", [14]), ("in_pieces", [3, 12, 14])):
        for total in totals:
            work(tmp_path / folder, total, sampler)
        parameters.append([trial.params for trial in open_study(tmp_path / folder, 14).counted()])
    assert parameters[0] == parameters[1] and len(parameters[0]) == 14


def test_the_total_is_kept_and_may_grow(tmp_path: Path) -> None:
    assert len(work(tmp_path, 3)) == 3
    assert work(tmp_path, 3) == [] and work(tmp_path, 2) == []
    assert work(tmp_path, 5) == [3, 4]


def test_a_pruned_trial_counts(tmp_path: Path) -> None:
    study = open_study(tmp_path, 1)
    trial = claim(study)
    trial.report(3.0, 1)
    study.tell(trial, None, pruned=True)
    assert study.is_complete and study.counted()[0].state == TrialState.PRUNED


def test_a_queue_holds_everything_once_and_what_failed_again(tmp_path: Path) -> None:
    study = open_study(tmp_path, 0, space=SearchSpace({}))
    wanted = [{"label": "a", "overrides": None}, {"label": "b", "overrides": ["x=1"]}]
    for _ in range(2):
        study.queue(wanted)
    assert [trial.user_attrs for trial in study.trials()] == wanted
    for error in ("", "no network"):
        study.tell(claim(study), None if error else [1.0], error=error)
    assert study.claim() is None
    study.queue(wanted)
    assert study.is_complete
    study.queue(wanted, again=True)
    labels = Counter((trial.user_attrs["label"], trial.state) for trial in study.trials())
    assert labels == {("a", TrialState.COMPLETE): 1, ("b", TrialState.FAIL): 1, ("b", TrialState.WAITING): 1}


def test_signs_of_life_are_sent_while_a_trial_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedrec.sweeps.study.HEARTBEAT_SECONDS", 0.05)
    study = open_study(tmp_path, 1)
    beats: list[int] = []
    trial = claim(study)
    assert trial.user_attrs[WORKER]
    monkeypatch.setattr(study.study._storage, "record_heartbeat", beats.append)
    with study.running(trial):
        wait_until(lambda: len(beats) > 2)
