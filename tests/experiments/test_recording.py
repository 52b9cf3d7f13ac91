"""What is kept of a run for the tables and figures."""

import json
from pathlib import Path

import pytest

from experiments.analysis.swings import EXPOSED_ABOVE, exposed, near_best, peak
from experiments.recording import Record, machine
from fedrec.conduct import prepare
from fedrec.config.build import check
from fedrec.config.compose import compose
from tests.campaigns.planners import TINY


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """The record of a tiny run that is watched at its second round."""
    made = Record(snapshot_rounds=(2,))
    folder: Path = tmp_path_factory.mktemp("run")
    made.summary = prepare(check(compose(*TINY, "attack=pieck_uea", "attack.N=5", "device=cpu")), folder, [made]).train()
    return made


def test_the_record_holds_plain_numbers_of_data_curves_and_chosen_epochs(record):
    kept = json.loads(json.dumps(record.result))
    assert kept["curve"].keys() == {"epoch", "ER@5", "ER@10", "ER@20", "HR@10"} and kept["curve"]["epoch"] == [1, 2]
    assert all(len(values) == 2 for values in kept["curve"].values())
    assert list(kept["delta_norm"]) == ["2"] and len(kept["delta_norm"]["2"]) == 50
    counts, items = kept["popularity"]
    assert (
        sum(items) == 60
        and sum(count * n for count, n in zip(counts, items, strict=True)) == record.summary["dataset"]["interactions"] - 40
    )
    assert kept["best"]["ER@10"] == pytest.approx(record.summary["best"]["ER@10"], abs=1e-6)
    assert kept["rounds"] == record.summary["rounds"] and kept["targets"] == record.summary["target_items"]


def test_the_curves_tell_what_the_summary_says_of_the_epochs_around_the_best(record):
    """The report computes near_best, peak and exposed from the curves; the engine reports them itself."""
    said, curves = record.summary, record.result
    for metric in ("ER@5", "ER@10", "ER@20", "HR@10"):
        assert near_best(curves)[metric] == pytest.approx(said["near_best"][metric], abs=1e-6)
        assert peak(curves)[metric] == pytest.approx(said["peak"][metric], abs=1e-6)
    assert near_best(curves)["epoch"] == said["near_best"]["epoch"] and peak(curves)["epoch"] == said["peak"]["epoch"]
    assert exposed(curves)["ER@10"] == pytest.approx(said["exposed"])
    assert compose(*TINY).evaluation.exposed_above == EXPOSED_ABOVE


def test_the_machine_has_a_name():
    assert "cores of " in machine()
