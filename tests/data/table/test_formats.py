"""Every format gives the split of the same interactions in plain form, with the ids that the file has; and so the same run."""

import json
from typing import Any

import pandas as pd
import pytest
import torch

import fedrec
from fedrec.conduct import run
from fedrec.config.build import build, check
from fedrec.interfaces import Split
from tests.data.content import rows
from tests.data.table.small_tables import FORMATS, ROWS, Names, frame, written

RUN = (
    "attack=pieck_uea",
    "attack.N=5",
    "attack.num_targets=2",
    "system.malicious_share=0.2",
    "system.epochs=3",
    "evaluation.k=[3]",
    "evaluation.selection=HR@3",
)
RUN += ("evaluation.candidates=5", "tracking=none")


def load(*options: str, seed: int = 0) -> Split:
    found: Split = build(fedrec.compose("dataset=table", *options).dataset).load(torch.Generator().manual_seed(seed))
    return found


def plain_split(validation: bool = False) -> dict[str, Any]:
    """The rule in plain loops: the last of each pair by time, users and items by first appearance, the latest held out."""
    by_time = sorted(range(len(ROWS)), key=lambda number: ROWS[number][3])
    last = {ROWS[number][:2]: number for number in by_time}
    kept = sorted(last.values())
    users, items = (list(dict.fromkeys(ROWS[number][column] for number in kept)) for column in (0, 1))
    train: list[list[int]] = [[] for _ in users]
    for number in by_time:
        if last[ROWS[number][:2]] == number:
            train[users.index(ROWS[number][0])].append(items.index(ROWS[number][1]))
    held = [[[row.pop()] if len(row) >= 2 else [] for row in train] for _ in range(1 + validation)]
    return {"users": users, "items": items, "train": train, "test": held[0], "validation": held[-1] if validation else None}


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_gives_the_same_split(name, tmp_path):
    form, expected = FORMATS[name], plain_split(validation=True)
    split = load(*written(tmp_path, ROWS, form)[1], "dataset.validation=true")
    assert (rows(split.train), rows(split.test), rows(split.validation)) == tuple(
        expected[part] for part in ("train", "test", "validation")
    )
    for found, numbers, named in (
        (split.user_ids, expected["users"], form.names.user),
        (split.item_ids, expected["items"], form.names.item),
    ):
        assert list(map(str, found)) == [str(named(number)) for number in numbers]


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_gives_the_same_run(name, tmp_path):
    """Bit for bit, but for names."""
    found = []
    for form in (FORMATS["tabs without header"], FORMATS[name]):
        folder = tmp_path / str(len(found))
        folder.mkdir()
        run(check(fedrec.compose("dataset=table", *written(folder, ROWS, form)[1], *RUN)), folder)
        summary = json.loads((folder / "summary.json").read_text())
        found.append({part: summary[part] for part in ("best", "near_best", "final", "peak", "dataset", "exposed", "rounds")})
    assert found[0] == found[1]


@pytest.mark.parametrize(("name", "kind"), [("ids of 19 digits", "int64"), ("ids of 25 digits", "object"), ("ids with gaps", "int64")])
def test_whole_numbers_of_64_bits_stay_numbers_and_other_ids_stay_text(name, kind, tmp_path):
    assert load(*written(tmp_path, ROWS, FORMATS[name])[1]).user_ids.dtype == kind


@pytest.mark.parametrize("kind", ["plain", "category", "arrow", "objects"])
def test_a_data_frame(kind):
    named = FORMATS["some ids words, some numbers"].names if kind == "objects" else Names()
    table = frame([(named.user(user), named.item(item), rating, time) for user, item, rating, time in ROWS])
    if kind == "category":
        table = table.astype({"visitor": "category"})
    if kind == "arrow":
        table = table.convert_dtypes(dtype_backend="pyarrow")
    table.index = pd.Index(range(1000, 1000 + len(table)))
    dataset = build(fedrec.compose("dataset=table", "dataset.user=visitor", "dataset.validation=true").dataset)
    dataset.frame = table
    split, expected = dataset.load(torch.Generator()), plain_split(validation=True)
    assert (rows(split.train), rows(split.test), rows(split.validation)) == tuple(
        expected[part] for part in ("train", "test", "validation")
    )
    assert list(map(str, split.user_ids)) == [str(named.user(user)) for user in expected["users"]]
