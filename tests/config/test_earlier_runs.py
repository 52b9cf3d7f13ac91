"""What is learnt from the summaries of earlier runs."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from fedrec.config.earlier_runs import Durations, earlier_runs, run_without

CONFIG: dict[str, Any] = {
    "dataset": {"root": "data"},
    "model": {"dim": 32, "save": False},
    "system": {"epochs": 3},
    "attack": {"N": 50},
    "defense": {"N": 10},
    "evaluation": {"every": 1},
    "tracking": {},
    "seed": 1,
    "device": "auto",
    "threads": 1,
    "choices": {"attack": "pieck_uea", "defense": "ours"},
}
SUMMARY: dict[str, Any] = {"status": "FINISHED", "config": CONFIG, "target_items": [7], "dataset": {"users": 9}, "seconds": {"total": 10.0}}


def other(**changes: Any) -> dict[str, Any]:
    """A summary with other options, `seed=2` or `model={"dim": 8}`, or with other values of its own, `status="KILLED"`."""
    summary = deepcopy(SUMMARY)
    for name, value in changes.items():
        where = summary["config"] if name in CONFIG and name != "dataset" else summary
        where[name] = {**where[name], **value} if isinstance(value, dict) else value
    return summary


UNDEFENDED = other(defense={}, choices={"defense": "none"})
UNDEFENDED["config"]["defense"] = {}


def leave(folder: Path, summary: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(summary if isinstance(summary, str) else json.dumps(summary))
    return folder


def test_the_latest_runs_of_the_working_folder_come_first_and_those_beside_a_run_before_them(tmp_path: Path) -> None:
    old, new = (leave(tmp_path / "outputs" / day / "10-00-00", SUMMARY) for day in ("2026-01-01", "2026-01-03"))
    job = leave(tmp_path / "multirun/2026-01-02/10-00-00/0", SUMMARY)
    beside = leave(tmp_path / "elsewhere/a", SUMMARY)
    leave(tmp_path / "outputs/2026-01-04/10-00-00", other(status="KILLED"))
    leave(tmp_path / "outputs/2026-01-04/11-00-00", "no summary")
    leave(tmp_path / "outputs/2026-01-04/12-00-00", ["no summary"])
    assert [folder for folder, _ in earlier_runs(tmp_path, tmp_path / "elsewhere/b")] == [beside, new, job, old]


def test_the_run_without_the_defense_is_the_same_in_all_that_counts() -> None:
    saved = deepcopy(UNDEFENDED)
    saved["config"] |= {"tracking": {"uri": "x"}, "threads": 4, "model": {"dim": 32, "save": True}}
    assert run_without("defense", SUMMARY, [(Path("a"), SUMMARY), (Path("b"), saved)]) == (Path("b"), saved)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("config", "seed"), 2),
        (("config", "attack"), {"N": 49}),
        (("config", "model"), {"dim": 8, "save": False}),
        (("config", "evaluation"), {"every": 2}),
        (("config", "dataset"), {"root": "other"}),
        (("config", "choices"), {"attack": "pieck_uea", "defense": "krum"}),
        (("target_items",), [8]),
        (("dataset",), {"users": 8}),
        (("data_checksum",), "that of other data"),
        (("code",), "another commit"),
    ],
)
def test_no_other_run_is_taken_for_it(place: tuple[str, ...], value: object) -> None:
    changed = deepcopy(UNDEFENDED)
    node = changed[place[0]] if len(place) > 1 else changed
    node[place[-1]] = value
    assert run_without("defense", SUMMARY, [(Path("a"), changed)]) is None
    assert run_without("defense", SUMMARY, [(Path("a"), UNDEFENDED)]) is not None


def test_runs_with_the_same_options_but_the_seed_take_as_long() -> None:
    runs = [(Path(), other(seconds={"total": 10.0})), (Path(), other(seed=2, seconds={"total": 20.0}))]
    durations = Durations(runs)
    assert durations.seconds(other(seed=3)["config"]) == 15
    assert durations.seconds(other(threads=2)["config"]) is None
    assert durations.seconds(other(tracking={"_target_": "a tracker"})["config"]) is None
