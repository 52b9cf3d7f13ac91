import json

import pytest

from fedrec.tracking.mlflow.reported import facts, measures, metric_name, numbers


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


def test_what_an_attack_destroys_is_a_metric_and_a_tag() -> None:
    lost = {"HR@5": 0.5, "NDCG@5": 0.75, "without": {"name": "clean", "epoch": 3, "HR@5": 0.2}}
    assert numbers({"degradation": lost}, ["ER@5", "HR@5"]) == {"degradation/HR_at_5": 0.5}
    assert json.loads(facts({"degradation": lost})["degradation"]) == lost
    assert numbers({"degradation": None}, ["HR@5"]) == facts({"degradation": None}) == {}
