"""What the jobs of a sweep are called, and the time that is left of it."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from fedrec.config.job_list import FILE, Job, JobList, counted, in_words, varying

JOBS = [["attack=none", "+defense.N=1", "attack.N=5", "seed=1"], ["attack=a_hum", "+defense.N=2", "attack.N=6", "seed=1"]]


def started(folder: Path, n_jobs: int, seconds_ago: float) -> JobList:
    """A sweep whose list of jobs was written some time ago."""
    jobs = JobList(time.time() - seconds_ago, [str(number) for number in range(n_jobs)], [""] * n_jobs)
    jobs.write(folder)
    os.utime(folder / FILE, (jobs.started, jobs.started))
    return jobs


def end(folder: Path, number: int) -> Path:
    (folder / str(number)).mkdir()
    summary = folder / str(number) / "summary.json"
    summary.write_text("{}")
    return summary


def test_the_time_left_follows_from_the_jobs_that_are_over(tmp_path: Path) -> None:
    jobs = started(tmp_path, 5, 20)
    assert jobs.left(tmp_path) is None
    end(tmp_path, 0)
    end(tmp_path, 3)  # jobs that run side by side end in any order
    left = jobs.left(tmp_path)
    assert left is not None and timedelta(seconds=30) <= left < timedelta(seconds=90)
    assert Job(1, jobs, tmp_path).announcement == f"job 1 (2 of 5); about {left} left in all"


def test_what_an_older_sweep_has_left_in_the_folder_does_not_count(tmp_path: Path) -> None:
    jobs = started(tmp_path, 3, 20)
    old = end(tmp_path, 0)
    os.utime(old, (jobs.started - 60, jobs.started - 60))
    assert jobs.left(tmp_path) is None


def test_options_with_the_same_last_name_are_named_in_full() -> None:
    varies = varying(JOBS)
    assert varies == {"attack": ["none", "a_hum"], "defense.N": ["1", "2"], "attack.N": ["5", "6"]}
    assert [in_words(job, varies) for job in JOBS] == [
        "no attack, defense.N=1, attack.N=5",
        "a_hum, defense.N=2, attack.N=6",
    ]


@pytest.mark.parametrize(
    ("n_jobs", "varies", "said"),
    [
        (1, {}, "1 job on ml100k"),
        (4, {"dataset": ["a", "b"], "attack.N": ["1", "2"]}, "4 jobs: 2 data sets x 2 values of attack.N"),
        (2, {"seed": ["1", "2"]}, "2 jobs on ml100k: 2 seeds"),
    ],
)
def test_the_factors_of_a_sweep_are_named(n_jobs: int, varies: dict[str, list[str]], said: str) -> None:
    assert counted(n_jobs, varies, "ml100k") == said


def test_no_password_is_in_the_words() -> None:
    jobs = [["tracking.uri=http://me:hidden@a"], ["tracking.uri=http://me:hidden@b"]]
    assert "hidden" not in str(varying(jobs)) and "hidden" not in in_words(jobs[0], ["tracking.uri"])
