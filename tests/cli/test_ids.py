"""Ids of any kind through the program: as targets, in what a run leaves in its folder and in MLflow, and in what is delivered later."""

from collections.abc import Callable
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from fedrec.data.synthetic import Synthetic
from fedrec.randomness import generator
from fedrec.tracking import deliver
from fedrec.tracking.mlflow import tracker
from tests.cli.program import TINY, Ended
from tests.cli.shop import SHORT, open_shop
from tests.cli.test_own_data import summary, without, write_split
from tests.data.content import rows

Program = Callable[..., Ended]

TARGETS = """attack.targets=["007",B000006,"a, b",'[bold]']"""


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_shop(tmp_path, monkeypatch)


def assert_named(folder: Path) -> None:
    """Check that the only run of the store names its items, and holds the maps of the run's folder."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    (run,) = client.search_runs([one.experiment_id for one in client.search_experiments()])
    assert run.data.params["attack.targets"] == '["007", "B000006", "a, b", "[bold]"]'
    assert run.data.tags["target_items"] == '007 (James Bond), B000006, "a, b", "[bold]" (Loud)'
    assert run.data.tags["delivery"] == "complete"
    own = Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, tracking_uri=f"sqlite:///{folder}/mlflow.db"))
    (left,) = folder.glob("outputs/*/*")
    for name in ("items.parquet", "users.parquet"):
        assert (own / name).read_bytes() == (left / name).read_bytes()
    items = pd.read_parquet(own / "items.parquet")
    assert items["item"].tolist()[:6] == ["007", "a, b", "é ☃", "[bold]", "1e5", "B000005"] and items["title"][2] == "Snow"
    assert pd.read_parquet(own / "users.parquet")["user"].tolist() == [f"customer {user}" for user in range(30)]
    table = pd.read_parquet(own / "delta_norm/round_0002.parquet")
    assert list(table) == ["item", "title", "popularity_rank", "delta_norm"]
    assert table[["item", "title", "popularity_rank"]].equals(items[["item", "title", "popularity_rank"]])


def test_everything_that_a_run_leaves_names_items_by_their_ids(program: Program, tmp_path: Path) -> None:
    ended = program(*SHORT, TARGETS, "tracking.snapshot_rounds=[2]")
    assert ended.returncode == 0, ended.stderr
    assert 'target items: 007 (James Bond), B000006, "a, b", "[bold]" (Loud)\n' in ended.stdout
    found = summary(tmp_path)
    assert found["target_items"] == ["007", "B000006", "a, b", "[bold]"]
    assert found["target_titles"] == ["James Bond", None, None, "Loud"]
    assert_named(tmp_path)


@pytest.mark.slow
def test_a_store_that_failed_gets_the_names_later(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker, "_RETRY_SECONDS", 0.0)
    (tmp_path / "mlartifacts").touch()
    ended = program(*SHORT, TARGETS, "tracking.snapshot_rounds=[2]")
    assert ended.returncode == 0 and "did not take the run" in ended.stderr
    (left,) = tmp_path.glob("outputs/*/*/tracking")
    assert {"items.parquet", "users.parquet"} <= {path.name for path in left.iterdir()}
    (tmp_path / "mlartifacts").unlink()
    assert deliver.main(["outputs"]) == 0
    assert not left.exists()
    assert_named(tmp_path)


def test_without_tracking_and_names_the_maps_hold_numbers(program: Program, tmp_path: Path) -> None:
    assert program(*TINY).returncode == 0
    (left,) = tmp_path.glob("outputs/*/*")
    items, users = (pd.read_parquet(left / f"{kind}s.parquet") for kind in ("item", "user"))
    assert (items["number"] == items["item"]).all() and len(items) == 60
    assert (users["number"] == users["user"]).all() and users["interactions"].sum() == items["interactions"].sum() == 600 - 40
    assert sorted(items["popularity_rank"]) == list(range(1, 61)) and "title" not in items
    assert summary(tmp_path)["target_titles"] is None


@pytest.mark.parametrize(("choice", "name", "sign"), [("ml100k", "u.data", "\t"), ("ml1m", "ratings.dat", "::")])
def test_raw_ids_change_no_result(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choice: str, name: str, sign: str
) -> None:
    """A file of ratings names items by its own ids, and gives the results of the split that is numbered as it is, bit for bit."""
    split = Synthetic(users=40, items=60, interactions=900, exponent=1.0, validation=False).load(generator(0, "split"))
    pairs = [(user, item) for user, row in enumerate(rows(split.train)) for item in [*row, split.test.only().tolist()[user]]]
    first = {item: number for number, item in enumerate(dict.fromkeys(item for _, item in pairs))}
    lines = [sign.join(map(str, (900 - user, 5 * item + 3, 4, time))) for time, (user, item) in enumerate(pairs)]
    folders = tmp_path / "raw", tmp_path / "split"
    folders[0].mkdir()
    moved = lines[-1:] + lines[:-1] if choice == "ml100k" else lines  # the first row of u.data is numbered last
    (folders[0] / name).write_text("\n".join(moved))
    (folders[0] / "u.item").write_text("".join(f"{5 * item + 3}|Film {item}|\n" for item in first), encoding="latin-1")
    write_split(
        folders[1], [[first[item] for item in row] for row in rows(split.train)], [first[item] for item in split.test.only().tolist()]
    )
    found, target = [], pairs[20][1]
    for folder, own in zip(folders, (5 * target + 3, first[target]), strict=True):
        monkeypatch.chdir(folder)
        ended = program(f"dataset={choice}", "dataset.root=.", f"attack.targets=[{own}]", "attack=pieck_uea", "attack.N=5", *TINY[4:])
        assert ended.returncode == 0, ended.stderr
        found.append(summary(folder))
        assert found[-1]["target_items"] == [own]
        (left,) = folder.glob("outputs/*/*")
        assert pd.read_parquet(left / "items.parquet").set_index("item")["number"][own] == first[target]
    assert without(found[0], "target_items", "target_titles") == without(found[1], "target_items", "target_titles")
    assert found[0]["target_titles"] == ([f"Film {target}"] if choice == "ml100k" else None)
    raw, numbered = (pd.read_parquet(next(folder.rglob("items.parquet"))) for folder in folders)
    assert raw[["number", "interactions", "popularity_rank"]].equals(numbered[["number", "interactions", "popularity_rank"]])
    assert pd.read_parquet(next(folders[0].rglob("users.parquet")))["user"].tolist() == list(range(900, 860, -1))
