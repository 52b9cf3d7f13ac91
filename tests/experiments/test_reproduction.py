"""The published figures on real data: `pytest -m reproduction`, half an hour. Bounds are those the project has set itself."""

import pytest

from experiments.analysis.measured import Measured
from experiments.analysis.tables import agreement, comparisons
from experiments.options import STORE
from experiments.paper import main
from experiments.planned_cells import experiments
from fedrec.campaigns.store import Store

pytestmark = pytest.mark.reproduction


@pytest.fixture(scope="module")
def measured(published, tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper")
    common = (f"folder={folder}", "tracking=none")
    assert main(["only=table3,table4,table5,told", "datasets=ml100k", *common]) == 0
    assert main(["only=fig6_convergence", *common]) == 0
    return Measured.of(Store(f"sqlite:///{folder}/study.db", STORE).table(experiments()))


def er(measured, experiment, **choices):
    return measured.find(experiment, **choices).mean("ER@10")


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
    assert er(measured, "table3", attack="pieck_uea", **clean) >= 0.85
    assert er(measured, "table3", attack="pieck_ipe", **clean) >= 0.50
    assert max(er(measured, "table3", attack=attack, **clean) for attack in ("a_ra", "fedreca")) <= 0.05
    for attack in ("a_hum", "pipa"):
        assert 0.02 <= er(measured, "table3", attack=attack, **clean) < er(measured, "table3", attack="pieck_uea", **clean)


def test_knowledge_makes_attacks_stronger(measured):
    assert er(measured, "told_interactions", model="mf", attack__known_share=1.0) > 0.8
    told, masked = (er(measured, "told_popularity", model="mf", attack="pipa", attack__prior=prior) for prior in ("popularity", "masked"))
    assert told > masked


@pytest.mark.parametrize("attack", ["pieck_ipe", "pieck_uea", "a_ra", "a_hum", "pipa"])
def test_attacks_on_dl_frs(measured, attack):
    assert hr(measured, "table3", model="ncf", dataset="ml100k", attack="none") >= 0.43
    assert er(measured, "table3", model="ncf", dataset="ml100k", attack=attack) >= 0.95


@pytest.mark.parametrize("attack", ["a_hum", "pieck_ipe", "pieck_uea"])
def test_ours(measured, attack):
    for model, least in (("mf", 0.53), ("ncf", 0.40)):
        assert er(measured, "table4", model=model, attack=attack, defense="ours") <= 0.06
        assert hr(measured, "table4", model=model, attack=attack, defense="ours") >= least


PROTECT, FAIL = ("norm_bound", "median", "krum"), ("trimmed_mean", "multi_krum", "bulyan")


@pytest.mark.parametrize("defense", PROTECT + FAIL)
def test_server_side_defenses_on_mf_frs(measured, defense):
    for attack in ("a_hum", "pieck_ipe", "pieck_uea"):
        exposure = er(measured, "table4", model="mf", attack=attack, defense=defense)
        assert exposure <= 0.05 or defense in FAIL
        assert exposure >= 0.3 or defense in PROTECT or attack != "pieck_uea"


def test_ml_1m(measured):
    assert er(measured, "fig6_convergence", attack="pieck_uea") >= 0.85
    assert hr(measured, "fig6_convergence", attack="pieck_uea") >= 0.58
