"""What a result depends on, and what it does not."""

import time
from importlib.util import find_spec

import pytest
from omegaconf import open_dict

from fedrec.config.compose import compose
from fedrec.identity.run_identity import ALONE, ENGINE, STORED, RunIdentity, counted_options, difference


def test_the_modules_that_every_run_depends_on_exist() -> None:
    assert all(find_spec(module) for module in (*ENGINE, *ALONE, *STORED))


def test_whether_the_model_is_kept_does_not_count() -> None:
    config = compose("attack=pieck_uea")
    before = counted_options(config)
    with open_dict(config):
        config.model.save = True
    assert counted_options(config) == before
    assert {"model.dim", "attack.N", "system.epochs", "evaluation.every", "device"} <= RunIdentity(before, "data").options.keys()


def test_name_and_code_follow_from_options_data_and_classes() -> None:
    one, other = (RunIdentity(counted_options(compose(f"attack={name}")), "data") for name in ("pieck_uea", "pieck_ipe"))
    assert one.name != other.name and one.code != other.code
    assert one.name != RunIdentity(one.counted, "other data").name
    assert one.name == RunIdentity(one.counted, "data").name


def test_the_order_of_transforms_counts() -> None:
    one, other = (RunIdentity(counted_options(compose(f"defense=[{names}]")), "data") for names in ("norm_bound,nnm", "nnm,norm_bound"))
    assert one.name != other.name
    assert "defense.order" in difference(one.options, other.options)


def test_other_target_items_are_another_run() -> None:
    counted = counted_options(compose("attack=pieck_uea"))
    assert RunIdentity(counted, "data", [3]).name != RunIdentity(counted, "data", [4]).name


def test_code_that_was_changed_while_it_runs_equals_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = counted_options(compose("attack=pieck_uea"))
    before = RunIdentity(counted, "data").code
    monkeypatch.setattr("fedrec.identity.run_identity.latest_change", lambda *_: time.time() + 1)
    changed = [RunIdentity(counted, "data").code for _ in range(2)]
    assert before not in changed and changed[0] != changed[1]


def test_equal_options_do_not_differ() -> None:
    assert difference({"attack.N": 1, "k": [1, 2]}, {"k": [1, 2], "attack.N": 1}) == ""
