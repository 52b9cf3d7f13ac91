import subprocess
from pathlib import Path

import pytest

from fedrec.tracking.mlflow.run_description import facts, git_tags, measures, metric_name, numbers, parameters


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("HR@20", "HR_at_20"),
        ("full_NDCG@5", "full_NDCG_at_5"),
        ("a/b-c.d e:f", "a/b-c.d e:f"),
        ("share%,(x)", "share___x_"),
        ("x" * 300, "x" * 250),
    ],
)
def test_metric_names_that_mlflow_accepts(name: str, expected: str) -> None:
    assert metric_name(name) == expected


def test_parameters_of_every_kind() -> None:
    config = {"a": {"b": None, "c": True, "d": [], "e": {}, "f": "text"}, "x@y": 1.5, "long": "z" * 9000}
    flat = parameters(config)
    assert flat.pop("long") == "z" * 6000
    assert flat == {"a.b": "null", "a.c": "true", "a.d": "[]", "a.e": "{}", "a.f": "text", "x_at_y": "1.5"}


def test_numbers_are_what_the_table_of_runs_sorts_by() -> None:
    best = {"HR@5": 0.5, "ER@5": float("nan"), "ER@10": 0.25, "NDCG@5": 0.1}
    summary = {
        "best": best,
        "peak": None,
        "exposed": 0.0,
        "name": "x",
        "rounds": 3,
        "seconds": {"train": 1, "total": 2},
        "config": {"a": 1},
    }
    assert numbers(summary, ["ER@5", "HR@5"]) == {"best/HR_at_5": 0.5, "exposed": 0.0, "seconds/total": 2.0}
    assert numbers({}, ["ER@5"]) == {}


def test_all_other_numbers_are_tags() -> None:
    summary = {
        "best": {"NDCG@5": 0.1},
        "peak": None,
        "dataset": {"users": 9},
        "exposed": 0.0,
        "name": "x",
        "rounds": 3,
        "peak_memory_mb": None,
    }
    assert facts(summary) == {"best": '{"NDCG@5": 0.1}', "data_statistics": '{"users": 9}', "rounds": "3"}


@pytest.mark.parametrize(
    ("evaluation", "expected"),
    [
        ({"selection": "HR@20", "metrics": ["ER", "HR"]}, ("ER@20", "HR@20")),
        ({"selection": "full_NDCG@5", "metrics": ["ER", "full_NDCG"]}, ("ER@5", "full_NDCG@5")),
        ({}, ("ER@10", "HR@10")),
    ],
)
def test_the_metrics_that_say_most(evaluation: dict, expected: tuple[str, str]) -> None:
    assert tuple(measures({"evaluation": evaluation}).values()) == expected


def test_git_revision(tmp_path: Path) -> None:
    assert git_tags(tmp_path) == {}
    git = ("git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b")
    (tmp_path / "file").write_text("1")
    for command in (("init", "-q"), ("add", "."), ("commit", "-qm", "first")):
        subprocess.run([*git, *command], check=True)
    tags = git_tags(tmp_path)
    assert len(tags["mlflow.source.git.commit"]) == 40
    assert tags["mlflow.source.git.dirty"] == "false"
    (tmp_path / "file").write_text("2")
    assert git_tags(tmp_path)["mlflow.source.git.dirty"] == "true"
