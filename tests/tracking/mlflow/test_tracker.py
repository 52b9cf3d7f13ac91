"""Whole runs through the real writer process into a real SQLite store, read back with MLflow's own client."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from PIL import Image

from fedrec.tracking.mlflow import tracker as mlflow_tracker
from fedrec.tracking.mlflow.experiment_page import shared_view
from fedrec.tracking.mlflow.notes import GAP, NOTE, is_ours
from fedrec.tracking.mlflow.run_record import command
from tests.tracking.runs import SUMMARY, delta_norm, info, left_in, play, result, tracker
from tests.tracking.stores import history, process_of, run_program, stored


@dataclass
class Played:
    """Three runs, one after another."""

    folder: Path
    answers: list[dict]
    writers: list[int]  # process ids
    client: MlflowClient
    runs: list[Run]  # in the order in which they began

    def artifacts(self, number: int) -> Path:
        return self.folder / "mlartifacts" / "trial" / self.runs[number].info.run_id / "artifacts"

    def snapshots(self, number: int) -> list[int]:
        return sorted(int(path.stem[6:]) for path in (self.artifacts(number) / "delta_norm").glob("round_*.parquet"))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Played:
    folder = tmp_path_factory.mktemp("played")
    shutil.copy(empty_store, folder / "mlflow.db")
    uri = f"sqlite:///{folder}/mlflow.db"
    watchers = (
        (tracker(uri=uri, tags={"study": 7}), 6, "FINISHED", SUMMARY),
        (tracker(uri=uri, snapshot_rounds=[1, 6], snapshot_every=4), 13, "PRUNED", SUMMARY),
        (tracker(uri=uri), 3, "FAILED", {}),
    )
    answers, writers = [], []
    for watcher, n_rounds, status, summary in watchers:
        play(watcher, folder / f"{n_rounds} rounds", n_rounds)
        answers.append(dict(watcher.on_run_end(status, summary)))
        writers.append(process_of(watcher).process.pid)
    client, runs = stored(folder)
    return Played(folder, answers, writers, client, runs[::-1])


def test_a_run_says_what_it_is(played: Played) -> None:
    run = played.runs[0]
    where = {"mlflow_uri": f"sqlite:///{played.folder}/mlflow.db", "mlflow_experiment_id": run.info.experiment_id}
    assert played.answers[0] == {"mlflow_run_id": run.info.run_id, **where}
    assert (run.info.status, run.data.tags["delivery"]) == ("FINISHED", "complete")
    assert run.info.run_name.startswith("pieck_uea · ours · tiny · ") and run.info.run_name.endswith(" · seed 3")
    assert run.data.params["attack.N"] == "50"
    assert run.data.params["attack.targets"] == "[1, 2]"
    assert run.data.params["many.option_149"] == "149"
    assert len(run.data.params["dataset.root"]) == 6000
    tags = {
        "attack": "pieck_uea",
        "defense": "ours",
        "model": "mf",
        "dataset": "tiny",
        "study": "7",
        "data_checksum": "c" * 64,
        "target_items": "100 (Title 1)",
    }
    assert tags.items() <= run.data.tags.items()
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("tiny", "c" * 36)
    assert json.loads(data.dataset.profile)["users"] == 9
    experiment = played.client.get_experiment(run.info.experiment_id)
    assert experiment.artifact_location == (played.folder / "mlartifacts" / "trial").as_uri()


def test_every_round_and_evaluation_arrives(played: Played) -> None:
    client, run = played.client, played.runs[0]
    assert history(client, run, "loss") == {round: 1 / round for round in range(1, 7)}
    assert history(client, run, "uploads") == {round: 10.0 * round for round in range(1, 7)}
    assert history(client, run, "epoch") == {2: 1, 4: 2, 6: 3}
    assert history(client, run, "round_seconds")[1] == 0.25
    assert history(client, run, "ER_at_10") == {2: 0.25, 4: 0.5, 6: 0.75}
    assert history(client, run, "best/ER_at_10") == {0: 0.875}  # MLflow draws bars of step 0, and a line of any other
    assert run.data.metrics["seconds/total"] == 1.5


def test_runs_can_be_compared_by_how_steady_their_exposure_is(played: Played) -> None:
    metrics = played.runs[0].data.metrics
    assert (metrics["near_best/ER_at_10"], metrics["peak/ER_at_10"], metrics["exposed"]) == (0.25, 1.0, 0.75)
    tags = played.runs[0].data.tags
    assert (json.loads(tags["near_best"])["evaluations"], json.loads(tags["peak"])["epoch"], tags["rounds"]) == (3, 1, "6")
    experiment = played.runs[0].info.experiment_id
    found = played.client.search_runs([experiment], "metrics.exposed > 0.5 and metrics.`peak/ER_at_10` > 0.9", order_by=["metrics.exposed"])
    assert {run.info.run_id for run in found} == {run.info.run_id for run in played.runs[:2]}


def test_seconds_are_means_over_the_rounds_of_an_epoch_that_have_them(played: Played) -> None:
    client, run = played.client, played.runs[0]
    assert history(client, run, "seconds_training") == {2: 1.5, 4: 3.5, 6: 5.5}
    assert history(client, run, "seconds_attack") == {2: 4.0, 4: 12.0, 6: 20.0}
    assert history(client, played.runs[2], "seconds_training") == {2: 1.5, 3: 3.0}  # its last epoch was cut short


def test_the_note_of_a_run_says_the_result_and_shows_the_picture(played: Played) -> None:
    run = played.runs[0]
    note = run.data.tags[NOTE].replace(GAP, "")
    assert note.startswith("The target item reaches the top 10 of 87.5 % of the users.")
    assert f"](get-artifact?path=trajectory.png&run_uuid={run.info.run_id})" in note
    assert "| ER@10 | 87.5 % | 25.0 % | 100.0 % |" in note
    assert is_ours(run.data.tags[NOTE])
    with Image.open(played.artifacts(0) / "trajectory.png") as image:
        assert len(image.convert("RGB").getcolors(1 << 20) or []) > 10
    assert NOTE not in played.runs[2].data.tags  # it told nothing at its end


def test_the_experiment_says_what_is_measured_and_has_a_view(played: Played) -> None:
    tags = played.client.get_experiment(played.runs[0].info.experiment_id).tags
    assert "**ER@10**: share of users" in tags[NOTE] and "**HR@10**" in tags[NOTE]
    assert json.loads(tags["mlflow.sharedViewState.fedrec"]) == shared_view("ER_at_10", "HR_at_10")


def test_artifacts(played: Played) -> None:
    artifacts = played.artifacts(0)
    assert json.loads((artifacts / "summary.json").read_text()) == {**SUMMARY, "mlflow_run_id": played.runs[0].info.run_id}
    names = {path.name for path in (artifacts / "delta_norm").iterdir()}
    assert names == {"fig4.png"} | {f"round_000{round}.{kind}" for round in (2, 4, 6) for kind in ("parquet", "png")}
    table = pd.read_parquet(artifacts / "delta_norm" / "round_0004.parquet")
    assert list(table) == ["item", "title", "popularity_rank", "delta_norm"]
    assert table["item"].tolist() == [100 * item for item in range(40)]  # as the data set names them
    assert table["title"].fillna("").tolist() == [*(f"Title {item}" for item in range(39)), ""]
    assert table["popularity_rank"].tolist() == list(range(40, 0, -1))
    assert table["delta_norm"].tolist() == delta_norm(4).tolist()
    steps = {path.name.split("+")[2] for path in (artifacts / "images").glob("delta_norm+step+*.png")}
    assert steps == {"2", "4", "6"}
    for path in [*artifacts.rglob("*.png"), *artifacts.rglob("*.webp")]:
        with Image.open(path) as image:
            assert len(image.convert("RGB").getcolors(1 << 20) or []) > 10


def test_snapshots_are_taken_at_the_rounds_listed_then_at_regular_ones(played: Played) -> None:
    """Multiples of `snapshot_every` count only after the last round listed; the last round always does."""
    assert played.snapshots(1) == [1, 6, 8, 12, 13]


def test_a_pruned_run_is_killed_for_mlflow(played: Played) -> None:
    assert (played.runs[1].info.status, played.runs[1].data.tags["state"]) == ("KILLED", "PRUNED")


def test_a_run_that_stops_early_keeps_its_last_snapshot(played: Played) -> None:
    assert played.runs[2].info.status == "FAILED"
    assert history(played.client, played.runs[2], "loss").keys() == {1, 2, 3}
    assert played.snapshots(2) == [2, 3]


def test_runs_one_after_another_have_one_writer_and_leave_nothing_in_their_folders(played: Played) -> None:
    assert [answer["mlflow_run_id"] for answer in played.answers] == [run.info.run_id for run in played.runs]
    assert len(set(played.writers)) == 1
    assert [left_in(played.folder / f"{n_rounds} rounds") for n_rounds in (6, 13, 3)] == [set(), set(), set()]


def test_end_without_start_is_harmless() -> None:
    assert tracker().on_run_end("FAILED", {})["mlflow_run_id"] is None


def test_evaluations_only(tmp_path: Path) -> None:
    watcher = tracker(every_round=False)
    play(watcher, tmp_path / "run")
    watcher.on_run_end("FINISHED", {})
    client, (run,) = stored(tmp_path)
    assert run.data.metrics.keys() == {"epoch", "ER_at_10", "HR_at_10"}
    assert history(client, run, "ER_at_10") == {2: 0.25, 4: 0.5, 6: 0.75}
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {"items.parquet", "users.parquet"}
    assert NOTE not in run.data.tags  # there is no summary to tell of


def test_a_store_that_fails_leaves_the_metrics_in_the_folder_and_the_next_run_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow_tracker, "_RETRY_SECONDS", 0.0)
    watcher = tracker(uri="sqlite:///bad.db")
    (tmp_path / "bad.db").write_text("no database " * 1000)  # it breaks after it has been looked at
    play(watcher, tmp_path / "first")
    assert watcher.on_run_end("FINISHED", SUMMARY)["mlflow_run_id"] is None
    kept = tmp_path / "first" / "tracking"
    trouble, told = [line for line in capfd.readouterr().err.splitlines() if "waiting" not in line]
    assert trouble.endswith("file is not a database; the run goes on and the writer tries again")
    assert f"bad.db did not take the run (file is not a database); its metrics wait on disk. To deliver them later: {command(kept)}" in told
    metrics = pd.read_csv(kept / "metrics.csv")
    assert metrics[metrics["metric"] == "loss"]["value"].tolist() == [1 / round for round in range(1, 7)]
    assert metrics[metrics["metric"] == "ER@10"]["round"].tolist() == [2, 4, 6]
    assert {path.name for path in (kept / "delta_norm").iterdir()} == {f"round_000{round}.npy" for round in (2, 4, 6)}
    later = tracker()
    later.on_run_start(info(tmp_path / "second"))
    assert later.on_run_end("FINISHED", {})["mlflow_run_id"] == stored(tmp_path)[1][0].info.run_id
    assert process_of(later) is process_of(watcher)
    assert "did not take" not in capfd.readouterr().err


@pytest.mark.slow
def test_a_full_disk_leaves_a_usable_store(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").unlink()
    program = """
import resource
from pathlib import Path
from typing import Any
from fedrec.tracking.mlflow import tracker as mlflow_tracker
mlflow_tracker._RETRY_SECONDS = 0.5
from tests.tracking.runs import play, tracker
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))  # of each file, in bytes
watcher = tracker(snapshot_rounds=[], snapshot_every=None)
play(watcher, Path("run"))
print(watcher.on_run_end("FINISHED", {})["mlflow_run_id"])
"""
    ended = run_program(program, capture_output=True, text=True)
    assert ended.stdout.strip() == "None"
    assert "did not take the run (" in ended.stderr
    assert "6,loss," in (tmp_path / "run" / "tracking" / "metrics.csv").read_text()
    watcher = tracker()
    watcher.on_run_start(info(tmp_path / "later"))
    assert watcher.on_run_end("FINISHED", {})["mlflow_run_id"] is not None


def test_run_folder_that_cannot_be_written(tmp_path: Path) -> None:
    told = info(tmp_path / "run")
    shutil.rmtree(tmp_path / "run")
    (tmp_path / "run").touch()
    with pytest.raises(ValueError, match=r"tracking cannot start in the run folder .*run"):
        tracker().on_run_start(told)


def test_values_that_are_no_numbers_are_told_at_once(tmp_path: Path) -> None:
    watcher = tracker()
    watcher.on_run_start(info(tmp_path / "run"))
    wrong = result(1)
    wrong.telemetry["uploads"] = "many"  # type: ignore[index]
    with pytest.raises(ValueError, match="could not convert"):
        watcher.on_round_end(wrong)
    watcher.on_run_end("FAILED", {})


def test_the_run_itself_never_imports_mlflow() -> None:
    program = "import sys, fedrec.tracking.mlflow.tracker; print({'mlflow', 'matplotlib', 'pandas', 'pyarrow'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    assert answer.stdout.strip() == "set()"
