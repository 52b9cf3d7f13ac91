"""Note and view of experiments that people, other programs and earlier versions have made, in a real store."""

import json
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from fedrec.tracking.mlflow.experiment_page import describe_experiment, shared_view
from fedrec.tracking.mlflow.notes import NOTE

TAG = "mlflow.sharedViewState.fedrec"
K10, K5 = ({"exposure": f"ER@{k}", "quality": f"HR@{k}"} for k in (10, 5))


def made() -> tuple[MlflowClient, str]:
    client = MlflowClient(f"sqlite:///{Path.cwd()}/mlflow.db")
    return client, client.create_experiment("mine")


def tags(client: MlflowClient, experiment: str) -> dict[str, str]:
    return dict(client.get_experiment(experiment).tags)


def test_a_new_experiment_gets_both_and_the_metrics_of_the_latest_run() -> None:
    client, experiment = made()
    for about, k in ((K10, 10), (K5, 5)):
        describe_experiment(client, experiment, about)
        found = tags(client, experiment)
        assert found[NOTE].startswith(f"**ER@{k}**: share of users")
        assert json.loads(found[TAG]) == shared_view(f"ER_at_{k}", f"HR_at_{k}")


def test_what_people_wrote_stays() -> None:
    client, experiment = made()
    describe_experiment(client, experiment, K10)
    mine = tags(client, experiment)[NOTE] + "\n\nWhat I found."
    for note, view in (
        (mine, "deflate;eJyrVkrLz1eyUkpKLFKqBQAjHgSm"),
        ("My own.", '{"selectedColumns": []}'),
        ("My own.", "no JSON"),
        ("My own.", "[]"),
    ):
        client.set_experiment_tag(experiment, NOTE, note)
        client.set_experiment_tag(experiment, TAG, view)
        describe_experiment(client, experiment, K5)
        found = tags(client, experiment)
        assert (found[NOTE], found[TAG]) == (note, view)


def test_what_is_there_already_is_not_written_again(monkeypatch: Any) -> None:
    client, experiment = made()
    describe_experiment(client, experiment, K10)
    monkeypatch.setattr(MlflowClient, "set_experiment_tag", lambda *arguments: 1 / 0)
    describe_experiment(client, experiment, K10)


def test_a_store_that_refuses_tags_takes_runs_all_the_same(monkeypatch: Any) -> None:
    def refuse(*arguments: Any) -> None:
        raise MlflowException("no permission")

    client, experiment = made()
    monkeypatch.setattr(MlflowClient, "set_experiment_tag", refuse)
    describe_experiment(client, experiment, K10)
    assert NOTE not in tags(client, experiment)


def test_every_chart_lies_in_a_section() -> None:
    view = shared_view("ER_at_10", "HR_at_10")
    sections = [section["uuid"] for section in view["compareRunSections"]]
    assert len(set(sections)) == len(sections)
    assert {chart["metricSectionId"] for chart in view["compareRunCharts"]} <= set(sections)
    assert [section["name"] for section in view["compareRunSections"] if section["display"]] == ["Over the rounds", "Runs side by side"]
