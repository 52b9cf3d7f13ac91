"""How defenses stand, from made-up rows."""

import pytest

from experiments.leaderboards.boards import boards
from experiments.leaderboards.standings import standings, strengths, strongest
from tests.experiments.made_up_boards import NOBODY, field_of_four, row, run, table


def board_of(*rows):
    (found,) = boards(table(*rows), ["leaderboard/ml100k"])
    return found


@pytest.fixture
def board():
    return board_of(*field_of_four())


def test_worst_cases_price_and_ranks(board):
    by_name = {one.defense: one for one in standings(board)}
    assert [one.defense for one in standings(board)] == ["strong", "cheap", "none", "torn"]
    strong, cheap, none = by_name["strong"], by_name["cheap"], by_name["none"]
    assert (strong.exposure.value, strong.exposure.attack) == (pytest.approx(0.02), "pipa")
    assert (strong.degradation.value, strong.degradation.attack) == (pytest.approx((0.01 / 0.49 + 0.01 / 0.5) / 2), "fade")
    assert strong.price.mean == pytest.approx(0.01) and none.price.mean == 0 and strong.both == pytest.approx(strong.degradation.value)
    assert cheap.both == pytest.approx((0.25 / 0.5 + 0.25 / 0.51) / 2) and none.both == pytest.approx(0.9)
    assert strong.survives and not cheap.survives and not none.survives
    assert strong.on_front and cheap.on_front and not none.on_front  # none costs what cheap costs and is worse
    assert [one.rank for one in standings(board)] == [1, 2, 3, 4] and strong.ranks == (1, 1)


def test_a_run_that_diverged_is_the_worst_case(board):
    torn = standings(board)[-1]
    assert (torn.degradation.value, torn.both, torn.diverged) == (1.0, 1.0, ["fade"]) and torn.exposure is None
    promoting = board_of(row("none", "none", 0, run(0, 0.5)), row("pipa", "none", 0, run(0.0, 0.5, diverged="round 1")))
    (none,) = standings(promoting)
    assert (none.exposure.value, none.degradation.value) == (1.0, 1.0)
    without = board_of(row("none", "none", 0, run(0, 0.5, diverged="round 1")), row("pipa", "none", 0, run(0.0, 0.5)))
    assert standings(without)[0].degradation.value == 1.0  # no reference


def test_ranks_have_the_range_of_single_seeds():
    rows = [row("none", defense, seed, run(0, 0.5)) for defense in ("none", "krum") for seed in (0, 1)]
    exposures = {("none", 0): 0.9, ("none", 1): 0.2, ("krum", 0): 0.1, ("krum", 1): 0.3}
    rows += [row("pipa", *key, run(value, 0.5)) for key, value in exposures.items()]
    assert [(one.defense, one.rank, one.ranks) for one in standings(board_of(*rows))] == [("krum", 1, (1, 2)), ("none", 2, (1, 2))]


def test_equal_defenses_share_a_rank():
    rows = [row(attack, defense, 0, run(0.1, 0.5)) for defense in ("none", "krum", "ours") for attack in ("none", "pipa")]
    assert [one.rank for one in standings(board_of(*rows))] == [1, 1, 1]


def test_an_attack_may_add_hits_and_does_no_harm_then():
    (one,) = standings(board_of(row("none", "none", 0, run(0, 0.5)), row("fade", "none", 0, run(0, 0.6, NOBODY))))
    assert one.degradation.value == pytest.approx(-0.2) and one.both == 0.0


def test_a_defense_without_a_reference_does_not_stand():
    rows = [row("none", "none", 0, run(0, 0.5)), row("pipa", "none", 0, run(0.1, 0.5)), row("pipa", "krum", 0, run(0.1, 0.5))]
    assert [one.defense for one in standings(board_of(*rows))] == ["none"]
    priceless = [row("none", "krum", 0, run(0, 0.5)), row("pipa", "krum", 0, run(0.01, 0.5))]
    (krum,) = standings(board_of(*priceless))
    assert krum.price.n == 0 and not krum.survives and not krum.on_front


def test_what_attacks_do_on_average(board):
    found = strengths(board)
    assert list(found) == ["fade", "pipa"]
    assert (found["pipa"].broken, found["pipa"].defenses, found["pipa"].exposure) == (2, 3, pytest.approx(0.9))
    assert (found["fade"].broken, found["fade"].defenses, found["fade"].degradation) == (3, 4, 1.0)


def test_the_strongest_attacks_are_those_whose_worst_cases_are_closest_to_those_of_all():
    shown = {"broad": (0.9, 0.8, 0.0), "alike": (0.8, 0.7, 0.0), "rare": (0.0, 0.0, 0.2), "none": (0.0, 0.0, 0.0)}
    rows = [row(attack, defense, 0, run(value, 0.5)) for attack, own in shown.items() for defense, value in zip("abc", own, strict=True)]
    assert list(strengths(board_of(*rows))) == ["broad", "alike", "rare"]
    assert strongest([board_of(*rows)], None) == ["broad", "rare", "alike"] and strongest([board_of(*rows)], 1) == ["broad"]
    assert strongest([], None) == []


def test_an_attack_that_wins_late_stands_at_the_last_epoch():
    late = run(0.01, 0.5, final={"epoch": 9, "HR@10": 0.2, "ER@10": 0.7})
    (one,) = standings(board_of(row("none", "none", 0, run(0, 0.5)), row("pipa", "none", 0, late)))
    assert (one.exposure.value, one.exposure_at_end.value) == (0.01, 0.7)
    assert (one.degradation.value, one.degradation_at_end.value) == (0.0, pytest.approx(0.6))


def test_a_run_without_attack_that_has_collapsed_is_no_reference():
    collapsed = run(0, 0.5, final={"epoch": 9, "HR@10": 0.01, "ER@10": 0.0})
    (one,) = standings(board_of(row("none", "none", 0, collapsed), row("fade", "none", 0, run(0, 0.4, NOBODY))))
    assert one.degradation.value == pytest.approx(0.2) and one.degradation_at_end is None


def test_one_board_for_each_data_set_and_model():
    found = boards(table(*field_of_four(), *field_of_four(model="ncf")), ["leaderboard/ml100k"])
    assert [(one.dataset, one.model, one.seeds) for one in found] == [("ml100k", "mf", [0, 1]), ("ml100k", "ncf", [0, 1])]
    assert found[0].attacks == ["pipa", "fade"] and found[0].promoting == {"pipa"}
