"""The published figures on real data: `pytest -m reproduction`, half an hour. Bounds are those the project has set itself.

MF-FRS begins from the paper's start, so its five seeds are orders of the clients. What is known to differ from the paper is a strict
`xfail`: it fails as soon as it no longer differs.
"""

import json
import os
from statistics import median

import pandas as pd
import pytest

from experiments.analysis.measured import Measured
from experiments.analysis.tables import agreement, comparisons
from experiments.options import STORE
from experiments.paper import REPORTED, main
from experiments.planned_cells import experiments
from fedrec.campaigns.store import Store

pytestmark = pytest.mark.reproduction


@pytest.fixture(scope="module")
def cells(published, tmp_path_factory):
    """What is measured. Processes of one test run share the work, because they share the folder."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "paper"
    common = (f"folder={folder}", "tracking=none")
    assert main(["only=table3,table4,table5,told", "datasets=ml100k", *common]) == 0
    assert main(["only=fig6_convergence", *common]) == 0
    return Store(f"sqlite:///{folder}/study.db", STORE).table(experiments())


@pytest.fixture(scope="module")
def measured(cells):
    return Measured.of(cells)


def numbers(result):
    """All of a result but times and where it was measured."""
    return {name: value for name, value in json.loads(result).items() if name not in ("seconds", "torch", "machine")}


def test_stored_results_are_those_of_this_code(cells):
    """Keys of stored results are carried over to new code only if it gives the same numbers to the last bit."""
    stored = pd.read_parquet(REPORTED).drop_duplicates("key").set_index("key").result
    here = [json.loads(result)["machine"] for result in cells.result[:1]]
    compared = [(row.key, row.result, stored[row.key]) for row in cells.itertuples() if row.key in stored.index]
    assert len(compared) == len(cells)
    compared = [(key, new, old) for key, new, old in compared if json.loads(old)["machine"] in here]
    if not compared:
        pytest.skip("the stored results are those of another kind of machine")
    assert [key for key, new, old in compared if numbers(new) != numbers(old)] == []


def er(measured, experiment, **choices):
    return measured.find(experiment, **choices).mean("ER@10")


def seeds(measured, experiment, **choices):
    return measured.find(experiment, **choices).values("ER@10")


def hr(measured, experiment, **choices):
    return measured.find(experiment, **choices).mean("HR@10")


@pytest.mark.parametrize("table", ["table3", "table4", "table5"])
def test_hits_agree_with_the_paper(measured, table):
    found = agreement(comparisons(measured, table), "HR@")
    assert sum(found.values()) >= 10 and found["agrees"] >= 0.9 * sum(found.values())


def test_attacks_on_mf_frs(measured):
    clean = {"model": "mf", "dataset": "ml100k"}
    assert er(measured, "table3", attack="none", **clean) < 0.02
    assert 0.55 <= hr(measured, "table3", attack="none", **clean) <= 0.60
    assert er(measured, "table3", attack="pieck_uea", **clean) >= 0.90
    assert 0.75 <= er(measured, "table3", attack="pieck_ipe", **clean) <= 0.90
    assert max(er(measured, "table3", attack=attack, **clean) for attack in ("a_ra", "fedreca")) <= 0.05
    for attack in ("a_hum", "pipa"):
        assert 0.02 <= er(measured, "table3", attack=attack, **clean) < er(measured, "table3", attack="pieck_uea", **clean)


def test_knowledge_makes_attacks_stronger(measured):
    assert er(measured, "told_interactions", model="mf", attack__known_share=1.0) > 0.8
    told, masked = (er(measured, "told_popularity", model="mf", attack="pipa", attack__prior=prior) for prior in ("popularity", "masked"))
    assert told > masked


@pytest.mark.parametrize("attack", ["pieck_ipe", "pieck_uea", "a_ra", "a_hum", "pipa"])
def test_attacks_on_dl_frs(measured, attack):
    """An attack takes over or it does not: the target is in every list, with PIPA with all seeds but one."""
    assert hr(measured, "table3", model="ncf", dataset="ml100k", attack="none") >= 0.43
    taken = [exposure >= 0.95 for exposure in seeds(measured, "table3", model="ncf", dataset="ml100k", attack=attack)]
    assert sum(taken) >= 4 and len(taken) == 5


ATTACKS = pytest.mark.parametrize("attack", ["a_hum", "pieck_ipe", "pieck_uea"])
THROUGH = pytest.mark.xfail(strict=True, reason="PIECK-IPE gets through `ours` on DL-FRS with most seeds; in the paper it does not")


@pytest.mark.parametrize("model", ["mf", pytest.param("ncf", marks=THROUGH)])
def test_ours_against_pieck_ipe(measured, model):
    assert er(measured, "table4", model=model, attack="pieck_ipe", defense="ours") <= 0.05


@pytest.mark.parametrize("attack", ["a_hum", "pieck_uea"])
@pytest.mark.parametrize("model", ["mf", "ncf"])
def test_ours_against_the_other_attacks(measured, model, attack):
    assert er(measured, "table4", model=model, attack=attack, defense="ours") <= 0.06


@ATTACKS
@pytest.mark.parametrize(("model", "least"), [("mf", 0.55), ("ncf", 0.40)])
def test_ours_keeps_the_hits(measured, model, least, attack):
    assert hr(measured, "table4", model=model, attack=attack, defense="ours") >= least


BULYAN = pytest.param("bulyan", marks=pytest.mark.xfail(strict=True, reason="the paper prints 79 %, a number it prints twice"))


@ATTACKS
@pytest.mark.parametrize("defense", ["norm_bound", "median", "krum"])
def test_rules_that_protect_mf_frs(measured, attack, defense):
    """Behind Median an attack gets through with one or two orders of the clients out of five."""
    assert median(seeds(measured, "table4", model="mf", attack=attack, defense=defense)) <= 0.05


@pytest.mark.parametrize("defense", ["trimmed_mean", "multi_krum", BULYAN])
def test_rules_that_do_not_protect_mf_frs_from_pieck_uea(measured, defense):
    assert er(measured, "table4", model="mf", attack="pieck_uea", defense=defense) >= 0.3


def test_ml_1m(measured):
    assert er(measured, "fig6_convergence", attack="pieck_uea") >= 0.85
    assert hr(measured, "fig6_convergence", attack="pieck_uea") >= 0.58
