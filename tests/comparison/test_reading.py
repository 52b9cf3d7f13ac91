"""Runs from folders and from a real MLflow store; what is left out is told."""

import json
import logging
from pathlib import Path

import pytest

from fedrec.comparison.reading import NOTES, collect, read_runs
from fedrec.config.validation import ConfigError
from tests.cli.program import TINY, fedrec
from tests.comparison.made_up_runs import run_folder, summary


def test_runs_lie_anywhere_below_a_folder(tmp_path: Path) -> None:
    run_folder(tmp_path / "outputs/day/time", summary("none", "none", 0, 0.1, 0.5))
    for number in (10, 9):
        run_folder(tmp_path / f"multirun/day/time/{number}", summary("pieck_uea", "[ours,krum]", number, 0.2, 0.4, defense__N=number))
    run_folder(tmp_path / "multirun/name/trial_0000/seed_0", summary("pieck_uea", "ours", 0, 0.3, 0.3))
    table = read_runs(tmp_path)
    assert list(table.columns[:5]) == ["attack", "defense", "model", "dataset", "seed"]
    assert table.seed.tolist() == [9, 10, 0, 0]  # jobs in the order of their numbers
    assert table.defense.tolist() == ["[ours,krum]", "[ours,krum]", "ours", "none"]
    assert table["defense.N"].tolist()[:2] == [9, 10]
    assert table["best/ER@10"].tolist() == [0.2, 0.2, 0.3, 0.1]
    assert table["near_best/HR@10"].tolist() == [0.4, 0.4, 0.3, 0.5]
    assert set(table.status) == {"FINISHED"} and set(table.seconds) == {1.5}
    assert not [name for name in table if "_target_" in name or name.startswith("choices")]
    assert table.attrs[NOTES] == []
    one = tmp_path / "outputs/day/time"
    assert read_runs(one).folder.tolist() == read_runs([str(one / "summary.json"), one]).folder.tolist() == [str(one)]


def test_of_a_run_that_was_interrupted_and_went_on_the_part_that_finished_counts(tmp_path: Path) -> None:
    for name, er, status, ended in (("a", 0.1, "KILLED", 1000), ("b", 0.3, "FINISHED", 2000)):
        run_folder(tmp_path / name, {**summary("none", "none", 0, er, 0.5, status), "mlflow_run_id": "f00"}, ended)
    for sources in (tmp_path, [tmp_path / "a", tmp_path / "b"], [tmp_path / "b", tmp_path / "a"]):
        assert read_runs(sources)["best/ER@10"].tolist() == [0.3]
    assert read_runs(tmp_path, unfinished=True)["best/ER@10"].tolist() == [0.3]


@pytest.mark.parametrize("experiments", [("mine", None), (None, "mine"), ("mine", "other")])
def test_a_label_splits_no_seeds(tmp_path: Path, experiments: tuple[str | None, ...]) -> None:
    for seed, experiment in enumerate(experiments):
        content = summary("none", "none", seed, 0.1, 0.5)
        content["config"]["choices"] |= {"experiment": experiment} if experiment else {}
        run_folder(tmp_path / str(seed), content)
    run_folder(tmp_path / "2", summary("pieck_uea", "none", 0, 0.1, 0.5))
    table = read_runs(tmp_path)
    assert len(set(map(str, table.experiment[table.attack == "none"]))) == 1 and table.seed.tolist() == [0, 1, 0]


def test_classes_of_ones_own_tell_runs_apart(tmp_path: Path) -> None:
    for name in "AB":
        content = summary("none", "mine", 0, 0.1, 0.5)
        content["config"]["defense"] = {"_target_": f"my_defense.{name}"}
        run_folder(tmp_path / name, content)
    assert read_runs(tmp_path)["defense._target_"].tolist() == ["my_defense.A", "my_defense.B"]


def test_what_is_left_out_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    good = run_folder(tmp_path / "0", summary("none", "none", 0, 0.1, 0.5))
    run_folder(tmp_path / "1", summary("none", "none", 1, 0.1, 0.5, "FAILED"))
    run_folder(tmp_path / "2", summary("none", "none", 2, 0.1, 0.5, "KILLED"))
    (run_folder(tmp_path / "3", {}) / "summary.json").write_text('{"status": "FIN')
    run_folder(tmp_path / "4", {"status": "FINISHED"})
    (run_folder(tmp_path / "5", {}) / "summary.json").unlink()
    with caplog.at_level(logging.WARNING):
        table = read_runs(tmp_path)
    assert table.folder.tolist() == [str(good)]
    notes = table.attrs[NOTES]
    assert caplog.messages == notes
    assert [note for note in notes if f"{tmp_path}/3/summary.json cannot be read: Unterminated string" in note]
    assert f"A run is left out: {tmp_path}/4/summary.json cannot be read: it has no 'config'." in notes
    assert f"1 run has left no summary.json and cannot be counted: {tmp_path}/5." in notes
    assert f"2 runs are left out (1 FAILED, 1 KILLED): {tmp_path}/1, {tmp_path}/2." in notes
    assert len(notes) == 4
    assert read_runs(tmp_path, unfinished=True).status.tolist() == ["FINISHED", "FAILED", "KILLED"]


def test_of_a_repeated_run_the_latest_counts(tmp_path: Path) -> None:
    """Whatever is not part of the result, such as where it is tracked, makes no other run of it."""
    run_folder(tmp_path / "0", summary("none", "none", 0, 0.1, 0.5, tracking__uri="a", threads=1), ended=2000)
    run_folder(tmp_path / "1", summary("none", "none", 0, 0.2, 0.5, tracking__uri="b", threads=2), ended=1000)
    run_folder(tmp_path / "2", summary("none", "none", 0, 0.3, 0.5, model__dim=5), ended=500)
    table = collect(tmp_path)
    assert table.folder.tolist() == [f"{tmp_path}/0", f"{tmp_path}/2"]
    assert table.attrs[NOTES] == [f"1 run has the same options and seed as a later one, which counts: {tmp_path}/1."]


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "\x00",
        "[" * 9999,
        '{"config": 1, "seconds": {"total": 1}, "status": "FINISHED"}',
        '{"config": {}, "seconds": [], "status": []}',
        '{"config": {}, "seconds": {"total": 1}, "status": "FINISHED", "best": {"ER@10": "high"}}',
        json.dumps({**summary("none", "none", 0, 0.1, 0.5), "best": {"ER@10": 10**400}}),
    ],
)
def test_a_summary_of_something_else_is_left_out(tmp_path: Path, content: str) -> None:
    good = run_folder(tmp_path / "0", summary("none", "none", 0, 0.1, 0.5))
    (run_folder(tmp_path / "1", {}) / "summary.json").write_text(content)
    (tmp_path / "2/summary.json").mkdir(parents=True)
    table = collect(tmp_path)
    assert table.folder.tolist() == [str(good)]
    (note,) = table.attrs[NOTES]
    assert note.startswith(f"A run is left out: {tmp_path}/1/summary.json cannot be read: ") and "\n" not in note


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    run_folder(tmp_path / "0", summary("none", "none", 0, 0.1, 0.5, dataset__root="postgresql://me:hidden@host/x"))
    assert "hidden" not in collect(tmp_path).to_json()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("empty", "empty: no run was found. No summary.json lies there"),
        ("nothing", "nothing: there is no such folder, and there is no MLflow"),
    ],
)
def test_a_source_without_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, words: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    Path("empty").mkdir()
    with pytest.raises(ConfigError, match=words):
        read_runs(source)
    assert not Path("mlflow.db").exists()


@pytest.mark.slow
def test_an_experiment_of_mlflow_has_what_the_folders_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("-m", *TINY, "tracking=mlflow", "tracking.experiment=mine", "attack=pieck_uea", "defense=none,[ours,krum]")
    result = fedrec(tmp_path, *options, "seed=0,1", "attack.batches=1", "hydra.sweep.dir=runs")
    assert result.returncode == 0, result.stderr
    monkeypatch.chdir(tmp_path)
    folders, stored = (collect(source).sort_values(["defense", "seed"]) for source in ("runs", "mine"))
    alike = [name for name in folders if name not in ("folder", "ended", "seconds")]
    assert len(alike) > 100
    for name in alike:
        told, kept = folders[name].tolist(), stored[name].tolist()
        assert kept == (pytest.approx(told, nan_ok=True) if folders[name].dtype.kind in "fi" else told), name
    assert set(stored) == set(folders)
    together = collect(["runs", "mlflow:mine"], f"sqlite:///{tmp_path}/mlflow.db")
    assert len(together) == 4 and together.attrs[NOTES] == []
    assert json.loads((tmp_path / "runs/0/summary.json").read_text())["data_checksum"] == stored.data_checksum.iloc[0]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert len(read_runs("mine")) == 4
    with pytest.raises(ConfigError, match=r"has no experiment mien, but mine, Default; did you mean mine\?"):
        read_runs("mien")
