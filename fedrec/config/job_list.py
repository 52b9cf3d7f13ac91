"""The jobs of a sweep over options. `jobs.json` in the sweep's folder says which is which, so that a job in any process can name itself."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from fedrec.config.secrets import masked

FILE = "jobs.json"
ONE_BY_ONE = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"  # Hydra's own launcher; others run jobs side by side
_SEVERAL = {"attack": "attacks", "defense": "defenses", "model": "models", "dataset": "data sets", "experiment": "experiments"}


@dataclass(frozen=True)
class JobList:
    """What is known of all jobs before the first one starts."""

    started: float  # seconds since 1970
    folders: Sequence[str]  # of each job, below the sweep's
    words: Sequence[str]  # what tells a job from the others

    def write(self, folder: Path) -> None:
        """Leave the list in the sweep's folder."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "JobList":
        """Return the list that lies in the sweep's folder. Raises OSError or ValueError."""
        return cls(**json.loads((folder / FILE).read_text(encoding="utf-8")))

    def summaries(self, folder: Path) -> list[Path]:
        """Return the summaries of the jobs that are over; an older sweep may have left others there."""
        begun = (folder / FILE).stat().st_mtime
        paths = [folder / own / "summary.json" for own in self.folders]
        return [path for path in paths if path.exists() and path.stat().st_mtime >= begun]

    def left(self, folder: Path) -> timedelta | None:
        """Return the time that is left of the sweep in `folder`, judged by the jobs that are over; None before the first one is."""
        n_over = len(self.summaries(folder))
        spent = time.time() - self.started
        return timedelta(seconds=round(spent / n_over * (len(self.folders) - n_over))) if n_over else None


@dataclass(frozen=True)
class Job:
    """The job that this process runs."""

    number: int  # as Hydra counts, from 0
    jobs: JobList
    folder: Path  # of the sweep
    is_alone: bool = True  # no other job runs at the same time

    @property
    def name(self) -> str:
        return f"job {self.number}"

    @property
    def title(self) -> str:
        """Its number, its place, and what tells it from the others.

        >>> Job(2, JobList(0.0, ["0", "1", "2"], ["none", "ours", "ours, seed 1"]), Path()).title
        'job 2 (3 of 3) ours, seed 1'
        """
        return f"{self.name} ({self.number + 1} of {len(self.jobs.words)}) {self.jobs.words[self.number]}".rstrip()

    @property
    def padded(self) -> str:
        """Its number and what tells it from the others, as wide as the widest of all jobs.

        >>> Job(0, JobList(0.0, ["0", "1", "2"], ["none", "ours", "ours, seed 1"]), Path()).padded
        'job 0 none        '
        """
        names = [f"job {number} {words}" for number, words in enumerate(self.jobs.words)]
        return names[self.number].ljust(max(map(len, names)))

    @property
    def announcement(self) -> str:
        """The line with which it starts."""
        left = self.jobs.left(self.folder)
        return self.title if left is None else f"{self.title}; about {left} left in all"


def sweep_folder() -> Path | None:
    """Return the folder of the sweep that what runs here belongs to; None in a single run."""
    if not HydraConfig.initialized() or (settings := HydraConfig.get()).mode != RunMode.MULTIRUN:
        return None
    return Path(settings.runtime.cwd) / settings.sweep.dir


def current_job() -> Job | None:
    """Return the job of a sweep over options that runs here; None in a single run and in a trial of a tuning sweep."""
    if (folder := sweep_folder()) is None or not (folder / FILE).is_file():
        return None
    settings = HydraConfig.get()
    return Job(settings.job.num, JobList.read(folder), folder, settings.launcher["_target_"] == ONE_BY_ONE)


def varying(jobs: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    """Return the options that differ between jobs, each with its values in their order; a job is a list of overrides.

    >>> varying([["attack=a_hum", "seed=1"], ["attack=a_hum", "seed=2"]])
    {'seed': ['1', '2']}
    """
    values: dict[str, dict[str, None]] = {}
    for key, _, value in (text.lstrip("+").partition("=") for job in jobs for text in job):
        values.setdefault(key, {})[masked(value)] = None
    return {key: list(found) for key, found in values.items() if len(found) > 1}


def in_words(job: Sequence[str], varies: Mapping[str, object]) -> str:
    """Return what tells a job from the others: the choices of groups, and options by the last part of their names if one has it.

    >>> in_words(["attack=a_hum", "defense=none", "attack.N=5", "seed=1"], ["defense", "attack.N", "seed"])
    'no defense, N=5, seed 1'
    """
    ends = [name.rpartition(".")[2] for name in varies]
    words = []
    for key, _, value in (text.lstrip("+").partition("=") for text in job if text.lstrip("+").partition("=")[0] in varies):
        end = key.rpartition(".")[2]
        if "." in key:
            words.append(f"{end if ends.count(end) == 1 else key}={value}")
        else:
            words.append(f"seed {value}" if key == "seed" else f"no {key}" if value == "none" else value)
    return masked(", ".join(words))


def counted(n_jobs: int, varies: Mapping[str, Sequence[str]], dataset: str) -> str:
    """Return how many jobs there are, and what they are made of.

    >>> counted(6, {"attack": ["a_ra", "a_hum"], "seed": ["0", "1", "2"]}, "ml100k")
    '6 jobs on ml100k: 2 attacks x 3 seeds'
    """
    named = {"seed": "seeds", **_SEVERAL}
    factors = " x ".join(f"{len(values)} {named.get(key, f'values of {key}')}" for key, values in varies.items())
    where = "" if "dataset" in varies else f" on {dataset}"
    return f"{n_jobs} job{'s' * (n_jobs != 1)}{where}{f': {factors}' if factors else ''}"
