"""The words that tell a reader how a run went."""

from collections.abc import Mapping
from typing import Any

import pytest

from fedrec.tracking.verdict import verdict
from tests.tracking.summaries import ended, untargeted

UNTRAINED = "of the users who have not trained on it"
UNDEFENDED = ended(defense="none", rows=[{"ER@10": 0.923, "HR@10": 0.601}])


@pytest.mark.parametrize(
    ("attack", "defense", "situation"),
    [
        ("none", "none", "Without an attack"),
        ("none", "ours", "Without an attack and with the defense ours"),
        ("pieck_uea", "none", "Under the attack pieck_uea and without a defense"),
        ("pieck_uea", "ours+krum", "Under the attack pieck_uea and with the defense ours+krum"),
    ],
)
def test_the_first_sentence_says_who_attacks_and_defends_and_what_was_reached(attack: str, defense: str, situation: str) -> None:
    assert verdict(ended(attack, defense)) == (
        f"{situation}, the target item reaches the top 10 of 0.0 % {UNTRAINED}; HR@10 is 59.0 % (best epoch, 1)."
    )


def test_an_attack_without_malicious_clients_attacks_nobody() -> None:
    assert verdict(ended(malicious_clients=0)).startswith("Without a malicious client and with the defense ours, the target item")


@pytest.mark.parametrize(
    ("run", "without", "last"),
    [
        (ended(), UNDEFENDED, "Without the defense it is 92.3 %, and HR@10 is 60.1 %."),
        (UNDEFENDED, ended("none", "none"), "Without the attack it is 0.0 %, and HR@10 is 59.0 %."),
        (ended("none"), ended("none", "none"), "Without the defense it is 0.0 %, and HR@10 is 59.0 %."),
        (ended(rows=[{"HR@10": 0.5}]), ended(defense="none", rows=[{"HR@10": 0.25}]), "Without the defense HR@10 is 25.0 %."),
        (
            ended(rows=[{"ER@10": 0.5}], selection="ER@10"),
            ended(defense="none", rows=[{"ER@10": 0.75}], selection="ER@10"),
            "Without the defense it is 75.0 %.",
        ),
    ],
)
def test_the_last_sentence_says_what_was_reached_without_the_defense_or_the_attack(
    run: Mapping[str, Any], without: Mapping[str, Any], last: str
) -> None:
    assert verdict(run, without) == f"{verdict(run)} {last}"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("KILLED", "Interrupted after 4 rounds: under the attack"),
        ("PRUNED", "Ended early after 4 rounds: under the attack"),
        ("FAILED", "Failed after 4 rounds: under the attack"),
    ],
)
def test_a_run_that_did_not_reach_its_end_says_so_first_and_is_compared_with_nothing(status: str, said: str) -> None:
    run = ended(status=status)
    assert verdict(run, UNDEFENDED) == verdict(run)
    assert verdict(run).startswith(said)
    assert verdict(ended(rows=[], status=status, rounds=3)) == f"{said.partition(' after')[0]} after 3 rounds, before the first evaluation."


def test_several_targets_share_a_mean() -> None:
    assert "each of the 3 target items reaches on average the top 10 of 0.0 %" in verdict(ended(target_items=[1, 2, 3]))


def test_the_users_who_count_are_named() -> None:
    said = verdict(ended(exposed_users="unmet"))
    assert "of 0.0 % of the users who have neither trained on it nor are tested on it; HR@10" in said


def test_an_exposure_without_a_value() -> None:
    reason = "every user has trained on the target item"
    run = ended(rows=[{"HR@10": 0.59}], undefined={"ER@10": reason})
    assert f"ours, ER@10 is undefined, because {reason}; HR@10 is 59.0 % (best epoch, 1)." in verdict(run)
    assert "ours, ER@10 was not measured; HR@10 is 59.0 % (best epoch, 1)." in verdict(ended(rows=[{"HR@10": 0.59}]))


def test_the_metric_that_selects_stands_for_the_quality_if_there_is_no_hit_ratio() -> None:
    rows = [{"ER@5": 0.5, "full_NDCG@5": 0.125}, {"ER@5": 0.5, "full_NDCG@5": 0.25}]
    assert f"the top 5 of 50.0 % {UNTRAINED}; full_NDCG@5 is 25.0 % (best epoch, 2)." in verdict(ended(rows=rows, selection="full_NDCG@5"))


def test_a_share_that_is_not_zero_is_not_called_so_and_a_sample_has_its_error() -> None:
    rows = [{"ER@10": 0.0004, "ER@10_stderr": 0.0123, "HR@10": 0.5, "HR@10_stderr": 0.02}]
    assert f"less than 0.1 ± 1.2 % {UNTRAINED}; HR@10 is 50.0 ± 2.0 % (best epoch, 1)." in verdict(ended(rows=rows))


@pytest.mark.parametrize(("last", "fallen"), [(0.31, False), (0.29, True), (0.0, True)])
def test_a_sentence_says_that_training_has_collapsed_after_the_best_epoch(last: float, fallen: bool) -> None:
    said = verdict(ended(rows=[{"HR@10": hits, "ER@10": 0.0} for hits in (0.6, last)]))
    sentence = f"HR@10 is 60.0 % (best epoch, 1). By the last epoch HR@10 has fallen to {100 * last:.1f} %."
    assert said.endswith(sentence) == fallen == ("fallen" in said)


@pytest.mark.parametrize(("around", "swings"), [(0.64, False), (0.66, True), (0.36, False), (0.34, True)])
def test_a_sentence_says_that_the_exposure_swings(around: float, swings: bool) -> None:
    """The best of three epochs has 50 %, so that the mean is ten points away if the others have 35 or 65 %."""
    said = verdict(ended(rows=[{"HR@10": hits, "ER@10": er} for hits, er in ((0.9, 0.5), (0.1, around), (0.1, around))]))
    mean = 100 * (0.5 + 2 * around) / 3
    assert said.endswith(f" The exposure swings: within 5 epochs of the best it is {mean:.1f} % on average.") == swings
    assert ("swings" in said) == swings


@pytest.mark.parametrize(
    ("lost", "destroyed"),
    [(0.75, "the attack destroys 75.0 % of that."), (0.0, "the attack destroys nothing of that."), (-0.25, "destroys nothing of that.")],
)
def test_what_an_attack_without_targets_destroys(lost: float, destroyed: str) -> None:
    said = verdict(untargeted(lost))
    assert said.startswith(f"Under the attack spattack and with the defense ours, HR@10 is {50 * (1 - lost):.1f} % (best epoch, 1). ")
    assert "Without the attack HR@10 is 50.0 % (best epoch, 7), and the attack" in said and said.endswith(destroyed)
    assert verdict(untargeted(lost, degradation=None)) == said.partition(" Without")[0]
