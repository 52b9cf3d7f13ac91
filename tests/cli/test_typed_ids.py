"""Ids as one types them: what is no item, and what Hydra or YAML would read as something else, ends in one line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.program import Ended
from tests.cli.shop import SHORT, open_shop
from tests.cli.test_bad_input import one_line

Program = Callable[..., Ended]


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_shop(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("targets", "line"),
    [
        ("[B0000006]", "there is no item B0000006, the data set has 40 items; the nearest ids are B000006, "),
        ("[b000006]", "there is no item b000006, the data set has 40 items; the nearest ids are B000006, "),
        (
            "[1e5]",
            "attack.targets=[100000.0] is not allowed: must be random, unpopular, published or a list of: an item's id, in quotes",
        ),
        ("[true]", "attack.targets=[true] is not allowed: "),
        ("[null]", "attack.targets=[null] is not allowed: "),
        ("[1_000]", """attack.targets=[1_000]: an id was read as 1000; quote it, so that it stays as it is: 'attack.targets=["1_000"]'"""),
        ("[+7]", "an id was read as 7; quote it"),
        ("[7],[-0]", "an id was read as 0; quote it"),
        ("[é ☃,B000006]", """quote a value that holds special characters: 'attack.targets=["é ☃","B000006"]'"""),
        ("[007,'007']", "attack.targets = [007, 007]: an item is named twice"),
    ],
)
def test_an_id_that_is_no_item_or_not_what_was_typed(program: Program, targets: str, line: str) -> None:
    assert line in one_line(program(*SHORT, f"attack.targets={targets}", "tracking=none"))


@pytest.mark.parametrize(("typed", "quoted"), [("007", '"007"'), ("1_000", '"1_000"'), ("0x1F", '"0x1F"'), ("1:30", '"1:30"')])
def test_a_yaml_whose_whole_number_is_another_one(program: Program, tmp_path: Path, typed: str, quoted: str) -> None:
    """YAML takes 007, 1_000, 0x1F and 1:30 for 7, 1000, 31 and 90."""
    (tmp_path / "mine/experiment").mkdir()
    (tmp_path / "mine/experiment/own.yaml").write_text(f"# @package _global_\nattack:\n  targets: [B000006, {typed}]\n")
    told = one_line(program(*SHORT, "experiment=own", "tracking=none"))
    assert f"own.yaml:3: an id would be read as another whole number; write it in quotes, {quoted}" in told
    (tmp_path / "mine/experiment/own.yaml").write_text(f"# @package _global_\nattack:\n  targets: [B000006, {quoted}]\n")
    ended = program(*SHORT, "experiment=own", "tracking=none")
    assert ended.returncode == 0 if typed == "007" else f"there is no item {typed}, " in one_line(ended)


def test_a_data_set_with_too_few_ids(program: Program) -> None:
    assert "the data set has 39 ids for 40 users or items" in one_line(program(*SHORT, "dataset.n_ids=39", "tracking=none"))


def test_ids_of_a_sweep(program: Program, tmp_path: Path) -> None:
    ended = program(*SHORT, "-m", """attack.targets=["a, b"],["é ☃"],[B000007]""", "tracking=none")
    assert ended.returncode == 0, ended.stderr
    targets = [json.loads(path.read_text())["target_items"] for path in sorted(tmp_path.glob("multirun/*/*/*/summary.json"))]
    assert targets == [["a, b"], ["é ☃"], ["B000007"]]
