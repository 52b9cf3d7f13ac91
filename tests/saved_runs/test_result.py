"""A run that is read back says what the run said, and recommends what its evaluation ranked."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pytest

from fedrec.evaluation import user_block
from fedrec.experiment import Experiment
from fedrec.interfaces import Callback, RoundResult
from fedrec.saved_runs.result import Result, load
from tests.saved_runs.small_runs import ended, flip, items_of, prepared, truncate

RULES = ("best", "near_best", "peak", "final")


def measured(experiment: Experiment, result: Result, k: int) -> tuple[float, float]:
    """Return ER@K and full_HR@K of the last model, from the lists of all users; a tie counts against the test item."""
    lists = {user: set(own["item"]) for user, own in result.recommend(range(90), k).groupby("user")}
    whole = {user: own.set_index("item")["score"] for user, own in result.recommend(range(90), 60).groupby("user")}
    tested = {user: items_of(experiment, "test", user) for user in range(90)}
    exposed, unmet = [], experiment.evaluator.exposed_users == "unmet"
    for target in experiment.info.target_items:
        left_out = [target in items_of(experiment, "train", user) or (unmet and target in tested[user]) for user in range(90)]
        exposed.append(np.mean([target in lists[user] for user in range(90) if not left_out[user]]))
    hits = [(whole[user] >= whole[user][item]).sum() <= k for user in range(90) for item in tested[user]]
    return float(np.mean(exposed)), float(np.mean(hits))


@pytest.mark.parametrize("n_at_once", [2_000_000, 16 * 60])  # all users at once, or in blocks of 16
@pytest.mark.parametrize("options", [("model=mf",), ("model=ncf", "model.layers=[8,4]"), ("attack.num_targets=3", "seed=4")])
def test_the_lists_of_all_users_give_the_metrics_of_the_last_evaluation(tmp_path: Path, options: tuple[str, ...], n_at_once: int) -> None:
    with mock.patch.object(user_block, "BLOCK_SCORES", n_at_once):
        experiment = ended(tmp_path, *options)
        final = experiment.ended["final"]
        assert len(experiment.evaluator.blocks) == (1 if n_at_once > 90 * 60 else 6)
        for result in (load(tmp_path), Result.of(experiment)):
            for k in (5, 10, 20):
                assert measured(experiment, result, k) == (pytest.approx(final[f"ER@{k}"]), pytest.approx(final[f"full_HR@{k}"]))
    assert 0 < final["ER@5"] < 1 and 0 < final["full_HR@20"] < 1


@pytest.mark.parametrize("options", [("model=mf", "model.dim=31"), ("model=ncf", "model.dim=7", "model.layers=[5,3]")])
def test_a_run_in_this_process_and_the_same_on_disk_are_equal(tmp_path: Path, options: tuple[str, ...]) -> None:
    """To the last bit."""
    experiment = ended(tmp_path, "attack.num_targets=2", "dataset.validation=true", *options)
    one, other = Result.of(experiment), load(tmp_path)
    assert one.summary == other.summary and one.config == other.config and one.config["seed"] == 0
    for name in ("metrics", "exposure", "items", "users"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)
    lists = [run.recommend([3, 89, 3, *range(90)], 60, exclude_seen=False) for run in (one, other)]
    pd.testing.assert_frame_equal(*lists, check_exact=True)
    assert len(lists[0]) == 93 * 60 and lists[0]["score"].dtype == "float32"
    assert repr(one) == repr(other) and "model: items, users" in repr(one)


def test_in_this_process_a_run_need_not_save_its_model(tmp_path: Path) -> None:
    result = Result.of(ended(tmp_path, "model.save=false"))
    assert len(result.recommend(7)) == 10 and result.items.shape == (60, 32)
    saved = load(tmp_path)
    assert "model: not saved (a run with model.save=true saves it)" in repr(saved)
    assert not (tmp_path / "model").exists()
    for ask in (lambda: saved.recommend(7), lambda: saved.items, lambda: saved.users):
        with pytest.raises(ValueError, match=r"the run did not save its model; a run with model\.save=true does"):
            ask()


def test_metrics_are_the_evaluations(tmp_path: Path) -> None:
    experiment = ended(tmp_path, "evaluation.every=2", "evaluation.metrics=[ER,HR,poison_share]")
    table = load(tmp_path).metrics
    assert list(table) == ["round", "epoch", *experiment.evaluations[-1].metrics]
    assert table["epoch"].tolist() == [2, 4, 6]
    assert table.to_dict("records") == [{"round": one.round, "epoch": one.epoch, **one.metrics} for one in experiment.evaluations]


def test_the_exposure_of_a_single_target_is_the_exposure_of_the_run(tmp_path: Path) -> None:
    experiment = ended(tmp_path, "dataset.validation=true")
    table, (target,) = load(tmp_path).exposure, experiment.info.target_items
    for rule in (*RULES, "validation"):
        for k in (5, 10, 20):
            assert table.loc[0, f"{rule}/ER@{k}"] == experiment.ended[rule][f"ER@{k}"]
    users = [user for user in range(90) if target not in items_of(experiment, "train", user)]
    assert table.loc[0, ["item", "interactions", "users"]].tolist() == [target, 90 - len(users), len(users)]
    assert table.loc[0, "popularity_rank"] == experiment.info.popularity_ranks[target]
    lists = load(tmp_path).recommend(users, 10)
    assert table.loc[0, "seen_by@10"] == (lists["item"] == target).sum() == lists["target"].sum() > 0


def test_the_mean_over_several_targets_is_the_exposure_of_the_run(tmp_path: Path) -> None:
    experiment = ended(tmp_path, "attack.num_targets=4", "evaluation.max_users=30")
    table = load(tmp_path).exposure
    assert table["item"].tolist() == experiment.info.target_ids and table["users"].max() <= 30
    for rule in RULES:
        assert table[f"{rule}/ER@10"].mean() == pytest.approx(experiment.ended[rule]["ER@10"])
    assert table["final/ER@10"].nunique() > 1
    assert (table["seen_by@10"] / table["users"]).tolist() == pytest.approx(table["final/ER@10"].tolist())


class InterruptedIn(Callback):
    """Ctrl-C after a round."""

    def __init__(self, round: int) -> None:
        self.round = round

    def on_round_end(self, result: RoundResult) -> None:
        if result.round == self.round:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("round", "n_evaluations"), [(2, 0), (12, 2)])
def test_a_run_that_was_interrupted(tmp_path: Path, round: int, n_evaluations: int) -> None:
    experiment = prepared(tmp_path, callbacks=[InterruptedIn(round)])
    with pytest.raises(KeyboardInterrupt):
        experiment.train()
    result = load(tmp_path)
    assert f"KILLED after {round} rounds and {n_evaluations} evaluations" in repr(result)
    assert len(result.metrics) == n_evaluations and list(result.metrics)[:2] == ["round", "epoch"]
    assert ("final/ER@10" in result.exposure) == bool(n_evaluations) and len(result.exposure) == 1
    assert result.users.to_numpy().tobytes() == experiment.system.users.numpy().tobytes()
    assert len(result.recommend(0)) == 10


def test_a_run_that_failed(tmp_path: Path) -> None:
    experiment = prepared(tmp_path, "system.learning_rate=1e30")
    with pytest.raises(ArithmeticError):
        experiment.train()
    result = load(tmp_path)
    assert "FAILED after 0 rounds and 0 evaluations" in repr(result) and result.metrics.empty
    assert result.users.to_numpy().tobytes() == experiment.system.users.numpy().tobytes()


def test_without_exposure_or_attack(tmp_path: Path) -> None:
    ended(tmp_path, "evaluation.metrics=[HR]", attack=())
    result = load(tmp_path)
    assert not [name for name in result.exposure if "ER@" in name or "seen" in name] and len(result.exposure) == 1
    assert "HR@10" in repr(result) and "ER@10" not in repr(result) and "<td>" in result._repr_html_()


def test_an_earlier_run_in_the_same_folder_leaves_nothing(tmp_path: Path) -> None:
    """Neither its model nor its tables pass for those of the run that comes after it, however that ends."""
    ended(tmp_path)
    experiment = prepared(tmp_path, "model.save=false", callbacks=[InterruptedIn(1)])
    with mock.patch.object(Experiment, "_leave", return_value=""), pytest.raises(KeyboardInterrupt):
        experiment.train()
    assert {path.name for path in tmp_path.iterdir()} == {"items.parquet", "users.parquet", "summary.json"}
    with pytest.raises(ValueError, match=r"evaluations\.parquet is missing"):
        _ = load(tmp_path).metrics


def test_a_disk_that_takes_no_model_costs_no_other_result(tmp_path: Path) -> None:
    experiment = prepared(tmp_path)
    with mock.patch("fedrec.saved_runs.model_folder.save_file", side_effect=OSError(28, "No space left on device")):
        experiment.train()
    assert experiment.unwritten == f"{tmp_path}/model: No space left on device"
    assert len(load(tmp_path).metrics) == 6 and not list(tmp_path.glob("model*"))


def test_seen_items_on_request_and_lists_that_are_short(experiment: Experiment) -> None:
    result, seen = load(experiment.info.folder), items_of(experiment, "train", 5)
    everything, rest = result.recommend(5, 60, exclude_seen=False), result.recommend(5, 60)
    assert sorted(everything["item"]) == list(range(60)) and set(rest["item"]) == set(range(60)) - set(seen)
    assert rest["rank"].tolist() == list(range(1, len(rest) + 1)) and rest["score"].is_monotonic_decreasing
    vectors = result.items.to_numpy() @ result.users.loc[5].to_numpy()
    assert everything["score"].to_numpy() == pytest.approx(vectors[everything["item"]], abs=1e-6)


@pytest.mark.parametrize(
    ("user", "k", "words"),
    [
        (90, 10, "there is no user 90: the 90 users have whole numbers from 0 to 89"),
        ("007", 10, "there is no user 007: the 90 users have whole numbers"),
        ([0, -1], 10, "there is no user -1"),
        ("1" * 5000, 10, "there is no user 1111"),
        (3, 0, "k = 0: must be a whole number from 1 to 60, the number of items"),
        (3, 61, "k = 61: must be"),
        (3, "10", "k = '10': must be"),
        ([], 10, "no user is named"),
    ],
)
def test_lists_that_cannot_be(experiment: Experiment, user: Any, k: Any, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(words)}.*$"):
        load(experiment.info.folder).recommend(user, k)


def test_a_folder_that_is_no_run(copied: Path) -> None:
    with pytest.raises(ValueError, match=r"/nowhere: there is no such folder$"):
        load(copied / "nowhere")
    with pytest.raises(ValueError, match=r"holds no summary\.json, so it is not the folder of a run; there are runs below it, .*/run"):
        load(str(copied.parent))
    (copied / "summary.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"summary\.json is damaged"):
        load(copied)
    (copied / "summary.json").unlink()
    with pytest.raises(ValueError, match=r"not the folder of a run, or the run goes on or was killed$"):
        load(copied)


@pytest.mark.parametrize("damage", [truncate, flip, Path.unlink])
@pytest.mark.parametrize("name", ["model/model.safetensors", "model/training.safetensors", "model/model.json"])
def test_a_damaged_model_is_said_by_the_name_of_its_file(copied: Path, name: str, damage: Callable[[Path], object]) -> None:
    damage(copied / name)
    lost = name.endswith("json") and damage is Path.unlink
    with pytest.raises(ValueError, match="the run did not save its model" if lost else rf"{name} is (damaged|missing)"):
        load(copied).recommend(1)


@pytest.mark.parametrize(
    ("name", "ask"),
    [
        ("evaluations.parquet", lambda run: load(run).metrics),
        ("exposure.parquet", lambda run: load(run).exposure),
        ("users.parquet", lambda run: load(run).recommend(1)),
        ("items.parquet", lambda run: load(run).items),
        ("summary.json", load),
    ],
)
def test_a_truncated_file_is_said_by_its_name(copied: Path, name: str, ask: Callable[[Path], object]) -> None:
    truncate(copied / name)
    with pytest.raises(ValueError, match=f"{name} is damaged"):
        ask(copied)


def test_maps_of_another_data_set_are_refused(copied: Path, tmp_path: Path) -> None:
    ended(tmp_path / "other", "dataset.users=91")
    (tmp_path / "other/users.parquet").replace(copied / "users.parquet")
    with pytest.raises(ValueError, match=r"users\.parquet names 91 rows, but .*run/model holds 90"):
        load(copied).recommend(1)
