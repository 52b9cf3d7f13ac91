"""What is cut off is repeated, and counts once."""

from pathlib import Path

import pytest
from optuna.trial import FrozenTrial, Trial, TrialState

from fedrec.sweeps.repetition import MOST_REPEATS
from fedrec.sweeps.study import SharedStudy
from tests.sweeps.studies import claim, open_study, value, work
from tests.sweeps.sweeps import silence


def lose(study: SharedStudy) -> Trial:
    """Claim a trial for a worker that is never heard of again."""
    trial = claim(study)
    silence(study.study._storage._backend, trial._trial_id)  # type: ignore[attr-defined]
    return trial


def test_a_trial_whose_worker_died_is_repeated_with_its_parameters(tmp_path: Path) -> None:
    lost = lose(open_study(tmp_path, 2))
    numbers = work(tmp_path, 2)
    study = open_study(tmp_path, 2)
    assert study.trials()[0].state == TrialState.FAIL
    assert [trial.number for trial in study.counted()] == numbers == [1, 2]
    assert study.trials()[1].params == lost.params


def test_a_trial_is_not_taken_from_a_worker_that_lives(tmp_path: Path) -> None:
    study = open_study(tmp_path, 2)
    first, second = claim(study), claim(open_study(tmp_path, 2))
    assert first.number != second.number
    assert open_study(tmp_path, 2).claim() is None and not study.is_complete
    study.tell(first, [1.0])
    study.tell(second, [2.0])
    assert study.is_complete


def test_a_worker_that_died_while_it_claimed(tmp_path: Path) -> None:
    """No clock tells between its first word in the storage and its first sign of life, but workers claim one at a time."""
    study = open_study(tmp_path, 1)
    with pytest.warns(UserWarning, match="Heartbeat"):
        study.study.ask()
    assert work(tmp_path, 1) == [1]
    assert [trial.state for trial in study.trials()] == [TrialState.FAIL, TrialState.COMPLETE]


def test_a_trial_that_takes_every_worker_down_is_given_up(tmp_path: Path) -> None:
    study = open_study(tmp_path, 1)
    assert [lose(study).number for _ in range(MOST_REPEATS + 1)] == list(range(MOST_REPEATS + 1))
    assert study.claim() is None
    assert study.is_complete and [trial.state for trial in study.counted()] == [TrialState.FAIL]


def test_a_worker_that_comes_too_late_changes_nothing(tmp_path: Path) -> None:
    """A machine that slept finds its trial repeated: its own result does not count as well."""
    study = open_study(tmp_path, 1)
    late = lose(study)
    work(tmp_path, 1)
    study.tell(late, [-7.0])
    assert [trial.values for trial in study.counted()] == [[pytest.approx(value(late))]]


def test_a_failure_of_its_own_counts_and_an_interruption_does_not(tmp_path: Path) -> None:
    study = open_study(tmp_path, 2)
    for error in (KeyboardInterrupt(), ValueError("diverged\nfor good")):
        with pytest.raises(type(error)), study.running(claim(study)):
            raise error
    assert [trial.user_attrs.get("error") for trial in study.counted()] == ["diverged for good"] and not study.is_complete
    assert work(tmp_path, 2) == [2]
    assert study.is_complete


def test_interruptions_are_never_too_many(tmp_path: Path) -> None:
    study = open_study(tmp_path, 1)
    for _ in range(MOST_REPEATS + 2):
        with pytest.raises(KeyboardInterrupt), study.running(claim(study)):
            raise KeyboardInterrupt
    assert len(work(tmp_path, 1)) == 1
    assert [trial.state for trial in study.counted()] == [TrialState.COMPLETE]


def test_a_claim_copies_no_trial_that_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A campaign of two thousand runs, each with its curves, would spend a second on every claim."""
    work(tmp_path, 5)
    study, copied = open_study(tmp_path, 6), []

    def copy(trial: FrozenTrial, memo: object) -> FrozenTrial:
        copied.append(trial.number)
        return trial

    monkeypatch.setattr(FrozenTrial, "__deepcopy__", copy, raising=False)
    assert claim(study).number == 5 and not {0, 1, 2, 3, 4} & {*copied}
