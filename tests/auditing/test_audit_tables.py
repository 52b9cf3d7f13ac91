"""The tables and the verdict of an audit, whatever was measured."""

import pytest

from fedrec.auditing.audit_result import COLUMNS
from fedrec.auditing.audit_setups import UNDEFENDED, Choice
from fedrec.auditing.audit_standings import promoted, standings, unattacked
from fedrec.auditing.audit_tables import Tables
from fedrec.auditing.audit_verdict import left_out, verdict
from tests.auditing.made_up_results import NEEDED, PRICES, UNTARGETED, MadeUp, field_of

BETTER = ("norm_bound", "defense.C=0.0003")  # the only defense that withstands the attacks at a small price


def tables_of(field, budget=None, **options):
    course = MadeUp(**options).course(field, budget)
    return Tables(field, course.follow(), course.asked, lambda wanted: (str(wanted), " ".join(wanted.point), None)).all()


@pytest.fixture(scope="module")
def tables():
    return tables_of(field_of())


def rows(table, **where):
    for name, value in where.items():
        table = table[table[name] == value]
    return table.to_dict("records")


def test_tables_have_their_columns(tables):
    assert {name: list(table) for name, table in tables.items()} == {name: list(columns) for name, columns in COLUMNS.items()}
    assert all(len(table) for table in tables.values())


def test_a_run_has_a_row_with_its_command(tables):
    runs = tables["runs"]
    assert runs["key"].is_unique
    row = rows(runs, attack="pieck_uea", defense="flame", accounts=50, seed=1, kind="cold")[0]
    assert "system.malicious_clients=50" in row["command"] and row["share"] == 0.05
    assert row["ER@10"] == pytest.approx(50**2 / (50**2 + (25 * 1.05) ** 2))


def test_accounts_lie_around_what_the_formula_needs(tables):
    for row in rows(tables["accounts"], attack="pieck_uea", level=0.5, settings=""):
        if row["defense"] != "strict":
            assert row["least"] <= NEEDED[row["defense"]] * 1.05 <= row["most"]
            assert row["least"] < row["estimate"] <= row["most"]
    never = rows(tables["accounts"], defense="strict")
    assert all(row["least"] == row["tried"] == 100 and not row["most"] > 0 for row in never)


def test_the_price_is_that_of_each_defense(tables):
    for row in rows(tables["price"], settings=""):
        assert row["points"] == pytest.approx(PRICES[row["defense"]])
        assert row["lower"] < row["HR@10"] < row["upper"] and (row["client_ms"], row["server_ms"]) == (1.0, 2.0)


def test_degradation_is_the_share_of_hits_that_is_lost(tables):
    for name, share in UNTARGETED.items():
        assert rows(tables["degradation"], attack=name, defense="none", accounts=50)[0]["hits"] == pytest.approx(share)
    assert {row["accounts"] for row in rows(tables["degradation"], attack="spattack", defense="none")} == {3, 8, 20, 50}


def test_the_front_names_the_worst_attack_and_the_recommended_defense(tables):
    (best,) = rows(tables["front"], recommended=True)
    assert (best["defense"], best["settings"]) == BETTER and best["on_front"]
    assert best["by"] == "pieck_uea adaptive=true" and best["by_untargeted"] == "spattack" and best["limit"] == 50
    strict = rows(tables["front"], defense="strict")[0]
    assert strict["exposure"] < 1e-6 and strict["points"] == pytest.approx(0.2)  # too dear


def test_items_and_what_they_push_out(tables):
    assert set(tables["items"]["kind"]) == {"cold", "tail", "mid", "head"} and set(tables["items"]["defense"]) == {"none", "norm_bound"}
    assert rows(tables["pushed_out"]) == [{"item": "7", "title": None, "interactions": 5, "before": 0.5, "after": pytest.approx(0.1)}]


def test_the_verdict_has_three_sentences(tables):
    danger, defense, rest = verdict(tables, 1000)
    assert danger.startswith("Without a defense, it takes about 4 fake accounts (0.4 % of the users)") and "20 % of the users" in danger
    assert defense.startswith("norm_bound with defense.C=0.0003 is recommended: it costs 1.0 points of HR@10 (hits)")
    assert "65 % of the users, against 97 % without a defense" in defense
    assert "50 accounts that only spoil recommendations still destroy 4.0 % of the hits (attack spattack)" in rest


@pytest.mark.parametrize("budget", [0.5, 2.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0])
def test_any_budget_gives_tables_and_a_verdict(budget):
    field = field_of()
    found = tables_of(field, budget)
    assert 3 <= len(verdict(found, field.users)) <= 4
    attacked = {row["defense"] for row in rows(found["front"]) if isinstance(row["by"], str) or isinstance(row["by_untargeted"], str)}
    assert {row["defense"] for row in rows(found["front"], recommended=True)} <= attacked - {"none"}
    assert {row["defense"] for row in rows(found["front"], on_front=True)} <= attacked


@pytest.mark.parametrize(
    ("exposure", "said"),
    [
        (lambda setup, seed: 0.0, "no attack put an unknown item"),
        (lambda setup, seed: float(setup.accounts > 0), "it takes only 1 fake account "),
        (lambda setup, seed: 0.3, "No fake account is needed to put an unknown item into the top 10 of 20 % of the users"),
    ],
)
def test_a_verdict_of_extremes(exposure, said):
    found = tables_of(field_of(), exposure=exposure)
    assert said in verdict(found, 1000)[0]


def test_no_defense_helps():
    field = field_of(untargeted=[], defenses=[UNDEFENDED, Choice("flame")])
    found = tables_of(field, exposure=lambda setup, seed: 0.5)
    assert verdict(found, 1000)[1].startswith("No defense that was tried is better than none")
    assert not found["front"]["recommended"].any()


def test_the_smallest_number_that_was_tried_is_an_upper_bound():
    found = tables_of(field_of(levels=(0.001,)), exposure=lambda setup, seed: 0.01 * (setup.accounts > 0))
    found["accounts"] = found["accounts"].assign(estimate=20, at_most=True)
    assert verdict(found, 1000)[0].startswith("Without a defense, it takes at most 20 fake accounts (2.0 % of the users) to put")


@pytest.mark.parametrize(("n_seeds", "told"), [(1, "the exposure and the price and the destroyed hits"), (2, None)])
def test_one_seed_is_a_warning(n_seeds, told):
    found = tables_of(field_of(n_seeds))
    assert verdict(found, 1000)[3:] == ([f"One seed was run: how far chance moves {told} is not known."] if told else [])


def test_a_price_of_one_seed_is_a_warning(tables):
    runs = tables["runs"]
    best = "norm_bound", "defense.C=0.0003"
    more = (runs["attack"] == "none") & (runs["defense"] == best[0]) & (runs["settings"] == best[1]) & (runs["seed"] > 0)
    assert more.any()
    assert verdict({**tables, "runs": runs[~more]}, 1000)[3:] == ["One seed was run: how far chance moves the price is not known."]


def test_no_defense_was_asked_for():
    field = field_of(untargeted=[], defenses=[UNDEFENDED])
    assert verdict(tables_of(field), 1000)[1].startswith("No defense was asked for, so none is recommended: with 50 accounts")


def test_a_stronger_attack_counts_though_the_budget_left_it_with_one_seed():
    def run(exposed):
        return {"near_best": {"ER@10": exposed}, "best": {"HR@10": 0.5}}

    flame, weak, strong, weaker = Choice("flame"), Choice("popular"), Choice("popular", ("attack.decorrelate=true",)), Choice("pieck_uea")
    known = {unattacked(one): {0: run(0.0), 1: run(0.0)} for one in (UNDEFENDED, flame)}
    known |= {promoted(weak, flame, 50): {0: run(0.2), 1: run(0.0)}, promoted(weaker, flame, 50): {0: run(0.15)}}
    field = field_of()
    (found,) = standings(field, known, [flame])
    assert (found.by, found.exposure) == (weak, pytest.approx(0.1))
    (found,) = standings(field, known | {promoted(strong, flame, 50): {0: run(0.8)}}, [flame])
    assert (found.by, found.exposure) == (strong, pytest.approx(0.8))


def test_what_was_left_out_is_said():
    assert left_out({"this": 1, "that": 2}, {"a run": "no memory"}) == [
        "The budget left out 1 run or more that would show this.",
        "The budget left out 2 runs or more that would show that.",
        "A run failed: a run: no memory",
    ]


def test_a_defense_that_a_budget_kept_from_an_attack_is_not_said_to_be_beaten(tables):
    front = tables["front"].assign(recommended=False)
    assert front["compared"].all()
    front.loc[front["defense"] == "flame", "compared"] = False
    told = verdict({**tables, "front": front}, 1000)[1]
    assert told.startswith("flame did not meet all attacks, and no defense that met all of them is better than none: with 50 accounts")
    told = verdict({**tables, "front": front.assign(compared=front["defense"] == "none")}, 1000)[1]
    assert " did not meet all attacks, and none is recommended: with 50 accounts" in told


def test_a_budget_leaves_defenses_uncompared():
    fronts = [tables_of(field_of(1), budget)["front"] for budget in (20.0, 40.0, 80.0)]
    assert any((~front["compared"].astype(bool) & front["by"].notna()).any() for front in fronts)
    assert all(front["compared"][front["on_front"].astype(bool)].all() for front in fronts)


def test_an_exposure_that_swings_is_told(tables):
    assert "at the worst epoch" not in verdict(tables, 1000)[1]
    exposure = tables["exposure"]
    own = (exposure["defense"] == BETTER[0]) & (exposure["settings"] == BETTER[1])
    assert own.any()
    swinging = exposure.assign(peak=exposure["peak"].mask(own & (exposure["accounts"] == 50), 0.84))
    assert " of the users (84 % at the worst epoch), against " in verdict({**tables, "exposure": swinging}, 1000)[1]
    elsewhere = exposure.assign(peak=exposure["peak"].mask(own & (exposure["accounts"] != 50), 0.84))
    assert "at the worst epoch" not in verdict({**tables, "exposure": elsewhere}, 1000)[1]
