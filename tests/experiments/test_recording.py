"""What is kept of a run for the tables and figures."""

import json
from pathlib import Path

import pytest

from experiments.recording import Record, machine
from fedrec.config.build import check
from fedrec.config.compose import compose
from fedrec.experiment import prepare
from tests.campaigns.planners import TINY


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """The record of a tiny run that is watched at its second round."""
    made = Record(snapshot_rounds=(2,), curves=("HR@5",))
    folder: Path = tmp_path_factory.mktemp("run")
    made.summary = prepare(check(compose(*TINY, "attack=pieck_uea", "attack.N=5", "device=cpu")), folder, made).train()
    return made


def test_the_record_holds_plain_numbers_of_data_curves_and_chosen_epochs(record):
    kept = json.loads(json.dumps(record.result))
    assert kept["curve"].keys() == {"epoch", "HR@5"} and kept["curve"]["epoch"] == [1, 2] and len(kept["curve"]["HR@5"]) == 2
    assert list(kept["delta_norm"]) == ["2"] and len(kept["delta_norm"]["2"]) == 50
    counts, items = kept["popularity"]
    assert (
        sum(items) == 60
        and sum(count * n for count, n in zip(counts, items, strict=True)) == record.summary["dataset"]["interactions"] - 40
    )
    assert kept["best"]["ER@10"] == pytest.approx(record.summary["best"]["ER@10"], abs=1e-6)
    assert kept["rounds"] == record.summary["rounds"] and kept["targets"] == record.summary["target_items"]


def test_the_machine_has_a_name():
    assert "cores of " in machine()
