"""Workers of a sweep: started until all is complete, by any launcher; here the jobs of Slurm without a Slurm."""

import warnings
from pathlib import Path
from typing import Any

import pytest
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra_plugins.hydra_joblib_launcher.joblib_launcher import JoblibLauncher
from omegaconf import OmegaConf

from fedrec.config.validation import ConfigError
from fedrec.sweeps.joblib_launcher import JoblibProcesses
from fedrec.sweeps.launching import work
from tests.sweeps.sweeps import sweep_with_two_workers


class Launching:
    """`work` with a launcher whose launches raise what they are told, and end so many runs before."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *launches: tuple[Exception | None, int]) -> None:
        self.launches, self.n_launches, self.n_ended = launches, 0, 0
        monkeypatch.setenv("PYTHONPATH", "")  # `work` sets it
        monkeypatch.setattr(Plugins.instance(), "instantiate_launcher", lambda context, worker, config: self)

    def launch(self, jobs: list[list[str]], first: int) -> list[JobReturn]:
        assert jobs == [["attack=none", "hydra.sweep.subdir=worker_0", "hydra.job.chdir=false"]]
        error, n_ended = self.launches[self.n_launches]
        self.n_launches += 1
        self.n_ended += n_ended
        ended = JobReturn(status=JobStatus.FAILED if error else JobStatus.COMPLETED)
        ended.return_value = error
        return [ended]

    def work(self) -> None:
        config = OmegaConf.create({"hydra": {"sweeper": {"n_jobs": 1}}})
        nothing: Any = None
        work(nothing, nothing, config, ["attack=none"], lambda: self.n_launches == len(self.launches), lambda: self.n_ended)


def test_workers_that_die_are_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    fruitless, fruitful = (RuntimeError(), 0), (RuntimeError(), 1)
    launching = Launching(monkeypatch, fruitless, fruitless, fruitful, fruitless, fruitless, (None, 1))
    launching.work()
    assert launching.n_launches == 6


def test_launches_that_end_no_run_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    launching = Launching(monkeypatch, *[(RuntimeError("no memory"), 0)] * 5)
    with pytest.raises(RuntimeError, match="no memory"):
        launching.work()
    assert launching.n_launches == 3


def test_bad_input_is_given_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    launching = Launching(monkeypatch, (ConfigError("hopeless"), 0), (None, 1))
    with pytest.raises(ConfigError, match="hopeless"):
        launching.work()
    assert launching.n_launches == 1


@pytest.mark.slow
def test_submitit(tmp_path: Path) -> None:
    sweep_with_two_workers(tmp_path, "hydra/launcher=submitit_local")
    assert list((tmp_path / "multirun/tuned/.submitit").glob("*/*_result.pkl"))


def test_a_process_of_joblib_that_is_replaced_is_no_warning(monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder) -> None:
    def launch(self: Any, job_overrides: Any, initial_job_idx: int) -> list[JobReturn]:
        warnings.warn("A worker stopped while some jobs were given to the executor. This can be ...", UserWarning, stacklevel=1)
        return []

    monkeypatch.setattr(JoblibLauncher, "launch", launch)
    assert JoblibProcesses(n_jobs=2).launch([], 0) == [] and not recwarn.list
