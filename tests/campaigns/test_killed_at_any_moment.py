"""A campaign of kills: SIGKILL at random moments, and the same command again. Nothing is lost, doubled, left behind or called finished.

Single runs, a sweep and `experiments.paper` run on tiny data. Kills hit the command itself, a worker, a writer or all at once.
"""

import random
import sys
from functools import partial
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from fedrec.tracking import deliver
from tests.campaigns.killing import Killer
from tests.cli.program import COMMAND, ENVIRONMENT
from tests.experiments.driver import command as program
from tests.experiments.driver import environment, measured, plan, write_data
from tests.sweeps.sweeps import NAME, SHORT, assert_complete, bury, trials

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]
N_KILLS = 21  # at least, in each test
DEATHS = 4  # of a study, at most: a trial that takes more workers down is given up
STARTS = 3 * DEATHS  # of a study, at most

RUN = (*SHORT[:4], "system.epochs=150", "evaluation.every=10", "attack=pieck_uea", "tracking.every_round=true")
SWEEP = ("-m", NAME, *SHORT[:4], "system.epochs=60", "evaluation.every=10", "sweep.seeds=1", "sweep.fresh_seeds=1", "sweep=attack")
TUNED = ("attack=pieck_uea", "attack.N=range(5,30)", "hydra/sweeper/pruner=none", "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=5")
PAPER = ("only=table5", "datasets=ml100k", "seeds=1")


def runs(folder: Path) -> tuple[MlflowClient, list[Run]]:
    """All runs of the store in this folder."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiments = [one.experiment_id for one in client.search_experiments()]
    return client, list(client.search_runs(experiments, max_results=1000))


def assert_honest(folder: Path) -> list[str]:
    """Deliver what is left, and check that no run is open and that finished ones have all metrics. Return the names of these."""
    assert deliver.main([str(folder)]) == 0
    client, found = runs(folder)
    assert not [run.info.run_name for run in found if run.info.status == "RUNNING"]
    finished = [run for run in found if run.info.status == "FINISHED"]
    for run in finished:
        if "system.epochs" in run.data.params:  # else the run of a trial or of a sweep
            n_evaluations = [entry.step for entry in client.get_metric_history(run.info.run_id, "ER_at_10")]
            assert len(n_evaluations) == len(set(n_evaluations)) == int(run.data.tags["evaluations"]), run.info.run_name
            if run.data.params["tracking.every_round"] == "true":
                rounds = [entry.step for entry in client.get_metric_history(run.info.run_id, "loss")]
                assert rounds == list(range(1, int(run.data.tags["rounds"]) + 1)), run.info.run_name
    return [run.info.run_name for run in finished]


def assert_many(killer: Killer) -> None:
    assert killer.kills.total() >= N_KILLS
    assert len(killer.kills) >= 3  # kinds of targets; which ones is chance


def complete(killer: Killer, *arguments: str) -> None:
    """Give the same command until it has done everything. At first it is killed."""
    deaths = DEATHS
    for _ in range(STARTS):
        before = killer.kills.total() - killer.kills["writer"]
        if killer.run_and_kill(*arguments, deaths=deaths) == 0:
            return
        deaths -= killer.kills.total() - killer.kills["writer"] - before
    raise AssertionError(killer.log)


def test_campaign_on_single_runs(tmp_path: Path) -> None:
    killer = Killer((*COMMAND, *RUN), tmp_path, ENVIRONMENT, random.Random(1))
    killer.run("hydra.run.dir=outputs/0")
    number = 0
    while killer.kills.total() < N_KILLS:
        number += 1
        killer.run_and_kill(f"hydra.run.dir=outputs/{number}", deaths=1)
    assert_honest(tmp_path)
    assert_many(killer)


def test_campaign_on_a_sweep(tmp_path: Path) -> None:
    killer = Killer((*COMMAND, *SWEEP, *TUNED), tmp_path, ENVIRONMENT, random.Random(2))
    killer.run()
    number = 0
    while killer.kills.total() < N_KILLS:
        number += 1
        (folder := tmp_path / str(number)).mkdir()
        killer.folder, killer.look = folder, partial(bury, folder)
        complete(killer)
        found = trials(folder)
        assert_complete(found, 5)
        finished = assert_honest(folder)
        for trial in found:
            if trial.values:
                assert f"trial {trial.number:04d} seed 0" in finished
        assert not list(folder.rglob("*.lock")) and not list(folder.rglob("worker_*"))
    assert_many(killer)


def test_campaign_on_the_paper(tmp_path: Path) -> None:
    write_data(tmp_path / "data")
    killer = Killer(program("paper", *PAPER, "workers=2"), tmp_path, environment(tmp_path), random.Random(3))
    killer.run()
    number = 0
    keys = {cell["key"] for cell in plan(tmp_path, *PAPER, "tracking=none")}
    while killer.kills.total() < N_KILLS:
        number += 1
        (folder := tmp_path / str(number)).mkdir()
        killer.folder = folder
        storage = f"sqlite:///{folder}/multirun/paper/study.db"
        killer.look = lambda folder=folder, storage=storage: bury(folder, storage, "paper")
        complete(killer)
        assert measured(folder) == dict.fromkeys(keys, 1)
        assert len(assert_honest(folder)) >= len(keys)
        assert not list(folder.rglob("*.lock")) and not list(folder.rglob("worker_*"))
    assert_many(killer)
