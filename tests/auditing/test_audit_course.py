"""The course of an audit: what is asked, in which order, within which budget, and the same whenever it was killed."""

import random
from collections import Counter

import pytest

from fedrec.auditing.audit_forecast import Forecast
from fedrec.auditing.audit_setups import COLD, UNDEFENDED, Choice, Setup, Wanted, by_setup
from fedrec.auditing.audit_stages import STAGES
from fedrec.auditing.audit_standings import promoted, strongest, unattacked
from tests.auditing.made_up_results import NEEDED, PROMOTING, UNTARGETED, MadeUp, field_of, usual

ONE_RUN = 2.0  # seconds, of every made-up run


def swinging(setup, seed):
    """An exposure that rises and falls with the number of accounts."""
    return random.Random(f"{setup} {seed}").random()


CURVES = {"rising": usual, "swinging": swinging, "never": lambda setup, seed: 0.0, "always": lambda setup, seed: 1.0}


@pytest.mark.parametrize("exposure", CURVES.values(), ids=CURVES)
@pytest.mark.parametrize("budget", [None, 300.0])
def test_a_killed_audit_ends_like_an_undisturbed_one(exposure, budget):
    whole = MadeUp(exposure)
    course = whole.course(field_of(), budget)
    expected = course.follow()
    killed, chance = MadeUp(exposure), random.Random(0)
    for _ in range(1000):
        killed.lives = len(killed.measured) + chance.randint(1, 40)
        again = killed.course(field_of(), budget)
        try:
            found = again.follow()
        except KeyboardInterrupt:
            continue
        break
    assert list(found) == list(expected) and found == expected
    assert again.asked == course.asked and again.cut == course.cut
    assert Counter(killed.measured) == Counter(whole.measured)


def test_every_question_is_asked_in_its_order():
    runs = MadeUp()
    course = runs.course(field_of())
    course.follow()
    order = list(dict.fromkeys(course.asked.values()))
    assert order == list(dict.fromkeys(stage.name for stage in STAGES))
    assert not course.cut
    seeds = Counter(wanted.setup for wanted in runs.measured)
    assert all(seeds[unattacked(Choice(defense))] == 3 for defense in NEEDED)
    for defense in NEEDED:
        screened = [Wanted(promoted(Choice(attack), Choice(defense), 50), 0) for attack in PROMOTING]
        assert {*screened, *(Wanted(Setup(Choice(attack), Choice(defense), 50), 0) for attack in UNTARGETED)} <= {*runs.measured}
    curves = {(setup.attack.name, setup.defense.name) for setup in seeds if setup.kind == COLD and setup.accounts not in (0, 50)}
    assert curves == {(attack, defense) for attack in ("pieck_uea", "pieck_ipe") for defense in NEEDED}  # not the weakest


def test_numbers_of_accounts_are_run_with_all_seeds():
    runs = MadeUp()
    runs.course(field_of()).follow()
    seeds = Counter(wanted.setup for wanted in runs.measured if wanted.setup.kind and wanted.setup.accounts not in (0, 50))
    assert {*seeds.values()} == {3}


@pytest.mark.parametrize("budget", [1.0, 50.0, 200.0, 400.0])
def test_a_budget_is_kept_and_what_it_leaves_out_is_said(budget):
    runs = MadeUp()
    course = runs.course(field_of(), budget)
    course.follow()
    assert budget - ONE_RUN < ONE_RUN * len(runs.measured) + ONE_RUN and ONE_RUN * len(runs.measured) <= budget
    assert course.cut and all(number > 0 for number in course.cut.values())


def test_a_budget_serves_every_question_before_it_deepens_one():
    runs = MadeUp()
    course = runs.course(field_of(), 300.0)
    course.follow()
    assert {course.asked[wanted] for wanted in runs.measured} == {stage.name for stage in STAGES}


def test_a_large_budget_leaves_nothing_out():
    runs, free = MadeUp(), MadeUp()
    course = runs.course(field_of(), 10_000.0)
    course.follow()
    free.course(field_of()).follow()
    assert not course.cut and {*runs.measured} == {*free.measured}


def test_a_run_that_fails_is_not_repeated_and_stops_nothing():
    failing = [Wanted(promoted(Choice("pieck_uea"), UNDEFENDED, 50), 1), Wanted(unattacked(Choice("flame")), 0)]
    runs = MadeUp(failing=failing)
    course = runs.course(field_of())
    known = course.follow()
    assert max(Counter(runs.measured).values()) == 1
    assert not {*failing} & known.keys() and {*failing} <= {*runs.measured}
    assert any(course.asked[wanted] == "items" for wanted in known)


def test_a_quick_audit_tunes_nothing():
    runs = MadeUp()
    course = runs.course(field_of(n_seeds=1, quick=True))
    course.follow()
    assert not {"tuning", "minimax"} & {*course.asked.values()}
    assert {wanted.seed for wanted in runs.measured} == {0}


def test_better_settings_join_the_defenses():
    """Those of norm_bound that need three times the accounts are run like every other defense."""
    runs = MadeUp()
    known = runs.course(field_of()).follow()
    better = Choice("norm_bound", ("defense.C=0.0003",))
    assert {wanted.seed for wanted in known if wanted.setup == unattacked(better)} == {0, 1, 2}
    tried = {wanted.setup.attack.text for wanted in known if wanted.setup.defense == better}
    assert tried >= {*PROMOTING, *UNTARGETED, "none", "pieck_uea adaptive=true", "ipm epsilon=10"}
    worse = Choice("norm_bound", ("defense.C=0.003",))
    assert all(wanted.setup.validation for wanted in known if wanted.setup.defense == worse)


def test_settings_are_judged_on_the_validation_item_alone():
    """What an attack does on the test item decides nothing: there the better settings never fail, on the validation item they do."""

    def exposure(setup, seed):
        is_changed = bool(setup.defense.options)
        return 0.9 if is_changed and setup.validation else 0.0 if is_changed else usual(setup, seed)

    known = MadeUp(exposure).course(field_of()).follow()
    assert all(wanted.setup.validation for wanted in known if wanted.setup.defense.options)


def test_no_attack_is_tuned_against_no_defense():
    """Where no attack does anything, nothing is recommended."""
    runs = MadeUp(lambda setup, seed: 0.0)
    field = field_of(untargeted=(), defenses=(UNDEFENDED, Choice("strict")))
    course = runs.course(field)
    course.follow()
    assert not {"tuning", "minimax", "degradation"} & {*course.asked.values()}


def test_the_strongest_attack_is_that_of_the_defense():
    """Against flame another attack is stronger than against nothing."""

    def exposure(setup, seed):
        is_strong = (setup.attack.name == "popular") == (setup.defense.name == "flame")
        return 0.6 * is_strong * min(1.0, setup.accounts / 50)

    course = MadeUp(exposure).course(field_of())
    known = course.follow()
    searched = {(one.setup.attack.name, one.setup.defense.name) for one in known if one.setup.accounts == 20 and one.setup.kind == COLD}
    assert ("popular", "flame") in searched and ("popular", "none") not in searched


def test_a_forecast_counts_what_is_missing():
    class Unmeasured:
        def results(self, runs):
            return {}

        def seconds(self, wanted):
            return ONE_RUN

    forecast = Forecast(Unmeasured())
    course = MadeUp().course(field_of(), 100.0)
    course.results, course.measure = forecast.results, forecast.measure
    course.follow()
    lines = forecast.text(course, workers=2).splitlines()
    assert lines[0].split() == ["price", "6", "runs", "0:00:06"]  # a part of the budget
    assert lines[-3].split()[:2] == ["all", "50"]
    assert lines[-2].startswith("The budget leaves out")
    assert lines[-1].startswith("0 more are measured")


@pytest.mark.parametrize("quick", [False, True])
def test_numbers_that_somebody_asks_for_are_tried_with_all_seeds(quick):
    """By the strongest attack on every defense, even if they are more than are tried otherwise."""
    field = field_of(numbers=(7, 300), quick=quick)
    known = by_setup(MadeUp().course(field, None).follow())
    for defense in field.defenses:
        (attack, *_) = strongest(field, known, field.promoting, defense)
        assert all(set(known[promoted(attack, defense, number)]) == {0, 1, 2} for number in (7, 300))
