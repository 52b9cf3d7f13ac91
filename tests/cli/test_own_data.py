"""Data of one's own through the program: ids, files that are missing or endless, and metrics that these data do not define."""

import gzip
import json
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from fedrec.data.synthetic import Synthetic
from fedrec.randomness import generator
from tests.cli.program import Ended, fedrec
from tests.cli.test_bad_input import one_line
from tests.data.content import rows

Program = Callable[..., Ended]

SHORT = ("system.epochs=3", "tracking=none")


def write_split(folder: Path, train: Sequence[Sequence[int]], test: Sequence[int], scale: int = 1) -> Path:
    """Write user u's training items and its test item; every id is multiplied by `scale`."""
    folder.mkdir()
    lines = [" ".join(str(scale * one) for one in (user, *items)) for user, items in enumerate(train)]
    (folder / "train.txt").write_text("\n".join(lines))
    (folder / "test.txt").write_text("\n".join(f"{scale * user} {scale * item}" for user, item in enumerate(test)))
    return folder


def summary(root: Path) -> dict[str, Any]:
    (path,) = root.glob("outputs/*/*/summary.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def without(found: dict[str, Any], *names: str) -> dict[str, Any]:
    return {
        name: value
        for name, value in found.items()
        if name not in (*names, "seconds", "peak_memory_mb", "config", "name", "mlflow_run_id", "mlflow_uri")
    }


@pytest.mark.slow
@pytest.mark.parametrize("choice", ["dataset=presplit", "dataset=ml100k", "dataset=amazon_music"])
def test_ids_times_a_hundred_give_the_same_results(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choice: str) -> None:
    """Bit for bit; the target is named by the ids of the file, and so it is in all that the run leaves behind."""
    split = Synthetic(users=60, items=80, interactions=1200, exponent=1.0, validation=False).load(generator(0, "split"))
    present = sorted({*split.train.items.tolist(), *split.test.only().tolist()})
    dense = [[present.index(item) for item in row] for row in rows(split.train)]
    found, answers = [], []
    for scale in (1, 100):
        folder = tmp_path / str(scale)
        write_split(folder, dense, [present.index(item) for item in split.test.only().tolist()], scale)
        monkeypatch.chdir(folder)
        options = (choice, "dataset.root=.", f"attack.targets=[{7 * scale}]", "attack=pieck_uea", "attack.N=5", "defense=ours")
        answers.append(program(*options, "dataset.validation=true", "system.epochs=3", "tracking.snapshot_rounds=[2]"))
        assert answers[-1].returncode == 0, answers[-1].stderr
        found.append(summary(folder))
    assert without(found[0], "target_items") == without(found[1], "target_items")
    assert [one["target_items"] for one in found] == [[7], [700]]
    assert "target items: 700\n" in answers[1].stdout
    lines = [line for line in answers[1].stdout.splitlines() if "ids have gaps" in line]
    assert len(lines) == 1 and f"60 users (ids 0 to 5900) and {len(present)} items" in lines[0]
    assert "ids have gaps" not in answers[0].stdout
    tables = [pd.read_parquet(next((tmp_path / scale).rglob("round_0002.parquet"))) for scale in ("1", "100")]
    assert (tables[1]["item"] == 100 * tables[0]["item"]).all() and (tables[1]["delta_norm"] == tables[0]["delta_norm"]).all()


def test_an_id_of_two_million_makes_a_small_model(program: Program, tmp_path: Path) -> None:
    write_split(tmp_path / "own", [[user, user + 1, 2_000_000] for user in range(10)], [20 + user for user in range(10)])
    ended = program("dataset=presplit", "dataset.root=own", *SHORT, "attack.targets=[2000000]")
    assert ended.returncode == 0, ended.stderr
    assert "data: 10 users, 22 items, 40 interactions" in ended.stderr
    assert "there is no item 12, the data set has 22 items; the nearest ids are 1, 2, 10" in one_line(
        program("dataset=presplit", "dataset.root=own", *SHORT, "attack.targets=[12]")
    )


EVERYBODY = [[0, user + 1, (user + 1) % 20 + 1] for user in range(20)]  # everybody has item 0


def test_er_of_nobody_is_not_available(program: Program, tmp_path: Path) -> None:
    write_split(tmp_path / "own", EVERYBODY, [(user + 3) % 20 + 1 for user in range(20)])
    ended = program(
        "dataset=presplit", "dataset.root=own", "system.epochs=3", "attack.targets=[0]", "evaluation.candidates=9", "evaluation.k=[5,10]"
    )
    assert ended.returncode == 0, ended.stderr
    reason = "every user has trained on the target item"
    assert f"ER@K: undefined, because {reason}" in ended.stdout
    assert f"n/a: ER@5, ER@10 undefined, because {reason}" in ended.stdout
    assert [line for line in ended.stderr.splitlines() if "ER@10 n/a  HR@10 1" in line]
    found = summary(tmp_path)
    assert found["undefined"] == dict.fromkeys(("ER@5", "ER@10"), reason)
    assert found["peak"] is None and found["exposed"] is None
    assert not any(name.startswith("ER") for rule in ("best", "near_best", "final") for name in found[rule])
    assert "nan" not in json.dumps(found).lower()
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    stored = client.get_run(found["mlflow_run_id"]).data.metrics
    assert "HR_at_10" in stored and not [name for name in stored if "ER_at" in name or np.isnan(stored[name])]


def test_a_small_catalogue_is_told_once(program: Program, tmp_path: Path) -> None:
    size = ("dataset=synthetic", "dataset.users=30", "dataset.items=40", "dataset.interactions=300")
    ended = program(*size, *SHORT, "evaluation.redraw_candidates=true")
    (line,) = [line for line in ended.stdout.splitlines() if "fewer items than" in line]
    assert "HR@K: 30 of 30 users are ranked against fewer items than evaluation.candidates=99, one of them against " in line
    assert "fewer items than" not in program(*size, *SHORT, "evaluation.candidates=9", "evaluation.k=[10]").stdout


@pytest.mark.parametrize(
    ("choice", "looked_for"),
    [
        ("ml100k", "no u.data, no ml-100k/u.data, no ml-100k.zip and no split (train.txt and test.txt)"),
        ("ml1m", "no ratings.dat, no ml-1m/ratings.dat, no ml-1m.zip and no split"),
        ("amazon_music", "no Digital_Music_5.json.gz, no Digital_Music_5.json and no split"),
        ("presplit", "no train.txt and no test.txt"),
    ],
)
def test_a_root_must_hold_the_data_set(program: Program, tmp_path: Path, choice: str, looked_for: str) -> None:
    (tmp_path / "empty").mkdir()
    assert f"dataset.root=empty holds {looked_for}" in one_line(program(f"dataset={choice}", "dataset.root=empty", *SHORT))
    absent = one_line(program(f"dataset={choice}", "dataset.root=/no/such/folder", *SHORT))
    assert "dataset.root=/no/such/folder " + ("is no folder" if choice == "presplit" else "does not exist") in absent


def bomb(path: Path) -> None:
    """Three gigabytes of zeros in three megabytes."""
    if path.suffix == ".gz":
        member = gzip.compress(bytes(1 << 28))
        path.write_bytes(member * 12)
        return
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("ratings.dat", "w", force_zip64=True) as file:
        for _ in range(12):
            file.write(bytes(1 << 28))


@pytest.mark.slow
@pytest.mark.parametrize(("choice", "name"), [("ml1m", "ml-1m.zip"), ("amazon_music", "Digital_Music_5.json.gz")])
def test_an_archive_that_would_fill_the_memory(tmp_path: Path, choice: str, name: str) -> None:
    """The program has two gigabytes of address space beyond what it needs to start."""
    bomb(tmp_path / name)
    ended = fedrec(tmp_path, f"dataset={choice}", "dataset.root=.", *SHORT, bound=("prlimit", "--as=6000000000"))
    assert "bytes, the most that is read" in one_line(Ended(ended.returncode, ended.stdout, ended.stderr))


@pytest.mark.parametrize("name", ["train.txt", "test.txt"])
def test_a_pipe_that_nobody_writes_into(tmp_path: Path, name: str) -> None:
    write_split(tmp_path / "own", EVERYBODY, [1] * 20)
    (tmp_path / "own" / name).unlink()
    os.mkfifo(tmp_path / "own" / name)
    ended = fedrec(tmp_path, "dataset=presplit", "dataset.root=own", *SHORT)
    assert f"own/{name} is no regular file" in one_line(Ended(ended.returncode, ended.stdout, ended.stderr))


def test_a_walk_from_a_csv_to_a_verdict(program: Program, tmp_path: Path) -> None:
    """As the first screen of the README: own columns, own ids, a target by its id."""
    rows = [f"C{user},B{(user * step * step) % 80:06d},2024-01-{step:02d}\n" for user in range(60) for step in range(1, 13)]
    (tmp_path / "purchases.csv").write_text("customer,sku,when\n" + "".join(rows))
    columns = ("dataset.path=purchases.csv", "dataset.user=customer", "dataset.item=sku", "dataset.time=when")
    ended = program("dataset=table", *columns, "attack=pieck_uea", "attack.targets=[B000016]", "system.epochs=2", "tracking=none")
    assert ended.returncode == 0, ended.stderr
    assert "target items: B000016\n" in ended.stdout
    found = summary(tmp_path)
    assert found["target_items"] == ["B000016"] and found["dataset"]["users"] == 60
