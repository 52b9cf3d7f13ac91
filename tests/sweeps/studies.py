"""A study without runs: workers that take its trials and tell their values at once."""

import multiprocessing
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from optuna.trial import Trial

from fedrec.config.compose import FOLDER
from fedrec.sweeps.samplers import make_sampler
from fedrec.sweeps.search_space import SearchSpace
from fedrec.sweeps.study import SharedStudy
from fedrec.sweeps.study_storage import locate, open_storage

SPACE = SearchSpace.parse(["x=interval(0,1)", "n=range(0,4)"], OverridesParser.create())


def open_study(folder: Path, n_trials: int, sampler: str = "random", space: SearchSpace = SPACE) -> SharedStudy:
    file = OmegaConf.load(FOLDER / f"hydra/sweeper/sampler/{sampler}.yaml")
    node = OmegaConf.create({"hydra": {"sweeper": {"sampler": file}}}).hydra.sweeper.sampler  # its place tells what it may be
    return SharedStudy(open_storage(locate(None, folder)), "study", n_trials, space, partial(make_sampler, node, space))


def claim(study: SharedStudy) -> Trial:
    trial = study.claim()
    assert trial is not None
    return trial


def value(trial: Trial) -> float:
    return float(sum(trial.params.values()))


def work(folder: Path, n_trials: int, sampler: str = "random", space: SearchSpace = SPACE) -> list[int]:
    """Take trials as a worker does, and return their numbers."""
    study = open_study(folder, n_trials, sampler, space)
    numbers = []
    while (trial := study.claim()) is not None:
        with study.running(trial):
            study.tell(trial, [value(trial)])
        numbers.append(trial.number)
    return numbers


def in_processes(n_processes: int, *arguments: Any) -> list[list[int]]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # imports everything once
    with context.Pool(n_processes) as pool:
        return pool.starmap(work, [arguments] * n_processes, chunksize=1)
