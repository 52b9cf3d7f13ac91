"""A run reports registered measurements only, and every registered measurement is reported by some run."""

from dataclasses import replace

from fedrec.federation.telemetry import TELEMETRY
from tests.reference.federations import SYSTEM, Case, build_system

USERS = [[9, item] for item in range(8)] + [[9]] * 2  # item 9 is everybody's, so that it has enough benign rows
SETTINGS = {**SYSTEM, "clients_per_round": 12, "malicious_share": 0.2}
DEFENSE = {"N": 2, "beta": 1.0, "gamma": 1.0, "weighting": "exp", "divergence": "user_from_item", "reduction": "sum"}
DEFENSE |= {"mining_times": 1, "starts": "mined"}
ATTACKED = Case(USERS, 10, [9], "a_ra", {"synthetic_users": 2, "user_std": 1.0}, DEFENSE, SETTINGS, 0)


def test_runs_report_registered_names_and_every_one_of_them():
    cases = ATTACKED, replace(ATTACKED, rule="krum", model="ncf"), replace(ATTACKED, rule="median", attack="none", attack_options={})
    reported = {name for case in cases for result in build_system(case).rounds() for name in result.telemetry}
    assert reported == set(TELEMETRY)
