"""Many workers on one study: every trial is taken once, what is cut off is repeated, and the total is kept."""

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from optuna.trial import Trial, TrialState

from fedrec.config.compose import FOLDER
from fedrec.sweeps.samplers import make_sampler
from fedrec.sweeps.search_space import SearchSpace
from fedrec.sweeps.study import MOST_REPEATS, WORKER, SharedStudy
from fedrec.sweeps.study_storage import locate, open_storage
from tests.tracking.runs import wait_until

SPACE = SearchSpace.parse(["x=interval(0,1)", "n=range(0,4)"], OverridesParser.create())


def open_study(folder: Path, n_trials: int, sampler: str = "random", space: SearchSpace = SPACE, **options: Any) -> SharedStudy:
    address = locate(None, folder)
    node = OmegaConf.load(FOLDER / f"hydra/sweeper/sampler/{sampler}.yaml")
    return SharedStudy(open_storage(address), address, "study", n_trials, partial(make_sampler, node, space), **options)


def value(trial: Trial) -> float:
    return float(trial.params["x"] + trial.params["n"])


def work(folder: Path, n_trials: int, sampler: str = "random", space: SearchSpace = SPACE) -> list[int]:
    """What a worker does; the numbers of its trials."""
    study = open_study(folder, n_trials, sampler, space)
    numbers = []
    while (trial := study.claim(space.suggest)) is not None:
        with study.running(trial):
            study.tell(trial, [float(sum(trial.params.values()))])
        numbers.append(trial.number)
    return numbers


def in_processes(n_processes: int, *arguments: Any) -> list[list[int]]:
    with multiprocessing.get_context("spawn").Pool(n_processes) as pool:
        return pool.starmap(work, [arguments] * n_processes)


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Lets as much time go by as makes a trial count as lost."""
    monkeypatch.setattr("fedrec.sweeps.study_storage.GRACE_SECONDS", 1)
    return lambda: time.sleep(2.1)


def test_four_workers_take_every_trial_once(tmp_path: Path) -> None:
    taken = in_processes(4, tmp_path, 60)
    assert sorted(number for numbers in taken for number in numbers) == list(range(60))
    study = open_study(tmp_path, 60)
    assert study.is_complete and len(study.counted()) == 60
    assert len({trial.params["x"] for trial in study.counted()}) == 60  # no two workers draw alike


def test_a_grid_is_visited_once_by_all_workers(tmp_path: Path) -> None:
    space = SearchSpace.parse(["x=range(0,5)", "n=range(0,4)"], OverridesParser.create())
    in_processes(2, tmp_path, space.size(), "grid", space)
    points = [tuple(trial.params.values()) for trial in open_study(tmp_path, 20).counted()]
    assert len(points) == len(set(points)) == 20


@pytest.mark.parametrize("sampler", ["tpe", "random", "cmaes", "nsgaii"])
def test_a_study_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path, sampler: str) -> None:
    parameters = []
    for folder, totals in (("at_once", [25]), ("in_pieces", [3, 4, 17, 25])):
        for total in totals:
            work(tmp_path / folder, total, sampler)
        parameters.append([trial.params for trial in open_study(tmp_path / folder, 25).counted()])
    assert parameters[0] == parameters[1] and len(parameters[0]) == 25


def test_the_total_is_kept_and_may_grow(tmp_path: Path) -> None:
    assert len(work(tmp_path, 3)) == 3
    assert work(tmp_path, 3) == [] and work(tmp_path, 2) == []
    assert work(tmp_path, 5) == [3, 4]


def test_a_trial_whose_worker_died_is_repeated_with_its_parameters(tmp_path: Path, silence: Callable[[], None]) -> None:
    lost = open_study(tmp_path, 2).claim(SPACE.suggest)
    assert lost is not None  # and its worker is never heard of again
    silence()
    numbers = work(tmp_path, 2)
    study = open_study(tmp_path, 2)
    assert study.trials()[0].state == TrialState.FAIL
    assert [trial.number for trial in study.counted()] == numbers == [1, 2]
    assert study.trials()[1].params == lost.params


def test_a_silent_trial_is_not_taken_from_a_worker_that_lives(tmp_path: Path) -> None:
    study = open_study(tmp_path, 2)
    first, second = study.claim(SPACE.suggest), open_study(tmp_path, 2).claim(SPACE.suggest)
    assert first is not None and second is not None and first.number != second.number
    assert open_study(tmp_path, 2).claim(SPACE.suggest) is None and not study.is_complete
    study.tell(first, [1.0])
    study.tell(second, [2.0])
    assert study.is_complete


def test_a_worker_that_died_while_it_claimed(tmp_path: Path) -> None:
    """Between its first word in the storage and its first heartbeat: no clock tells, but claims are made one at a time."""
    study = open_study(tmp_path, 1)
    with pytest.warns(UserWarning, match="Heartbeat"):
        study.study.ask()
    assert work(tmp_path, 1) == [1]
    assert [trial.state for trial in study.trials()] == [TrialState.FAIL, TrialState.COMPLETE]


def test_a_trial_that_takes_every_worker_down_is_given_up(tmp_path: Path, silence: Callable[[], None]) -> None:
    study = open_study(tmp_path, 1)
    for number in range(MOST_REPEATS + 1):
        trial = study.claim(SPACE.suggest)
        assert trial is not None and trial.number == number
        silence()
    assert study.claim(SPACE.suggest) is None
    assert study.is_complete and [trial.state for trial in study.counted()] == [TrialState.FAIL]


def test_who_comes_too_late_changes_nothing(tmp_path: Path, silence: Callable[[], None]) -> None:
    """A machine that slept finds its trial repeated: its own result does not count as well."""
    study = open_study(tmp_path, 1)
    late = study.claim(SPACE.suggest)
    assert late is not None
    silence()
    work(tmp_path, 1)
    study.tell(late, [-7.0])
    assert [trial.values for trial in study.counted()] == [[pytest.approx(value(late))]]


def test_a_failure_of_its_own_counts_and_an_interruption_does_not(tmp_path: Path) -> None:
    study = open_study(tmp_path, 2)
    for error in (KeyboardInterrupt(), ValueError("diverged\nfor good")):
        trial = study.claim(SPACE.suggest)
        assert trial is not None
        with pytest.raises(type(error)), study.running(trial):
            raise error
    assert [trial.user_attrs.get("error") for trial in study.counted()] == ["diverged for good"] and not study.is_complete
    assert work(tmp_path, 2) == [2]
    assert study.is_complete


def test_interruptions_are_never_too_many(tmp_path: Path) -> None:
    study = open_study(tmp_path, 1)
    for _ in range(MOST_REPEATS + 2):
        trial = study.claim(SPACE.suggest)
        assert trial is not None
        with pytest.raises(KeyboardInterrupt), study.running(trial):
            raise KeyboardInterrupt
    assert len(work(tmp_path, 1)) == 1
    assert [trial.state for trial in study.counted()] == [TrialState.COMPLETE]


def test_a_pruned_trial_counts(tmp_path: Path) -> None:
    study = open_study(tmp_path, 1)
    trial = study.claim(SPACE.suggest)
    assert trial is not None
    trial.report(3.0, 1)
    study.tell(trial, None, pruned=True)
    assert study.is_complete and study.counted()[0].state == TrialState.PRUNED


def test_a_queue_holds_everything_once_and_what_failed_again(tmp_path: Path) -> None:
    study = open_study(tmp_path, 0)
    wanted = [{"label": "a", "overrides": None}, {"label": "b", "overrides": ["x=1"]}]
    for _ in range(2):
        study.queue(wanted)
    assert [trial.user_attrs for trial in study.trials()] == wanted
    for error in ("", "no network"):
        trial = study.claim(lambda trial: None)
        assert trial is not None
        study.tell(trial, None if error else [1.0], error=error)
    assert study.claim(lambda trial: None) is None
    study.queue(wanted)
    assert study.is_complete
    study.queue(wanted, again=True)
    labels = Counter((trial.user_attrs["label"], trial.state) for trial in study.trials())
    assert labels == {("a", TrialState.COMPLETE): 1, ("b", TrialState.FAIL): 1, ("b", TrialState.WAITING): 1}


def test_a_heartbeat_is_kept_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedrec.sweeps.study.HEARTBEAT_SECONDS", 0.05)
    study = open_study(tmp_path, 1)
    beats: list[int] = []
    trial = study.claim(SPACE.suggest)
    assert trial is not None and trial.user_attrs[WORKER]
    monkeypatch.setattr(study.study._storage, "record_heartbeat", beats.append)
    with study.running(trial):
        wait_until(lambda: len(beats) > 2)
