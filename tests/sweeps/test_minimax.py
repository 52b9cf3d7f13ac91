"""A defense against the attack's best response: the whole sweep."""

from pathlib import Path

import pytest

from tests.sweeps.sweeps import ONE, SHORT, address, build_noise, results, summary, sweep, trials, without_attack


@pytest.mark.slow
def test_a_candidate_is_worth_what_it_is_at_the_worst_response(tmp_path: Path) -> None:
    options = ("sweep=minimax", "attack.N=range(1,30)", "defense.N=range(1,20)", "sweep.responses=3", "hydra.sweeper.n_trials=2")
    ended = sweep(tmp_path, *SHORT, ONE, "tracking=none", *options, "hydra/sweeper/pruner=none")
    assert ended.status == 0, ended.errors
    reference = summary(tmp_path, "reference/seed_0")["validation"]["validation_HR@10"]
    found = trials(tmp_path)
    assert len(found) == 2
    for trial in found:
        responses = trials(tmp_path, address(tmp_path), f"tuned trial {trial.number} responses")
        assert len(responses) == 3
        runs = [summary(tmp_path, f"trial_{trial.number:04d}/response_{response.number}/seed_0") for response in responses]
        assert [run["config"]["attack"]["N"] for run in runs] == [response.params["attack.N"] for response in responses]
        worst = max(runs, key=lambda run: run["validation"]["ER@10"])["validation"]
        assert trial.value == pytest.approx(worst["ER@10"] + max(0, reference - worst["validation_HR@10"]))
    best = min(found, key=lambda trial: float(trial.value or 0))
    assert set(results(tmp_path)["comparisons"]) == {"no defense", "worst case of as given", f"worst case of trial {best.number}"}
    again = summary(tmp_path, f"worst_case_of_trial_{best.number}/seed_1")["config"]
    assert [f"attack.N={again['attack']['N']}"] == best.user_attrs["response"]
    assert "worst case" in ended.output


@pytest.mark.slow
def test_the_attacker_may_choose_the_attack(tmp_path: Path) -> None:
    """As the README says: the usual space goes, because not every attack has its options."""
    space = ("~sweep.response_space", '+sweep.response_space={attack: "choice(pieck_ipe,pieck_uea,a_hum)"}')
    options = ("sweep=minimax", *space, "defense.N=range(1,20)", "sweep.responses=4", "hydra.sweeper.n_trials=1")
    ended = sweep(tmp_path, *SHORT, ONE, "tracking=none", *options)
    assert ended.status == 0, ended.errors
    for response in trials(tmp_path, address(tmp_path), "tuned trial 0 responses"):
        choices = summary(tmp_path, f"trial_0000/response_{response.number}/seed_0")["config"]["choices"]
        assert choices["attack"] == response.params["attack"]


def test_attacks_with_and_without_targets_are_compared_on_one_scale(tmp_path: Path) -> None:
    """ER@10 of the one kind and the share of HR@10 that the other destroys. The value of a candidate is that under the worst."""
    space = ("~sweep.response_space", '+sweep.response_space={attack: "choice(pieck_uea,noise)"}')
    options = ("sweep=minimax", *space, "defense.N=range(1,20)", "sweep.responses=2", "hydra.sweeper.n_trials=1")
    grid = ("hydra/sweeper/sampler=random", "hydra.sweeper.sampler.seed=3")  # it tries both
    ended = sweep(tmp_path, *SHORT, ONE, "tracking=none", *build_noise(tmp_path), *options, *grid)
    assert ended.status == 0, ended.errors
    reference = summary(tmp_path, "reference/seed_0")["validation"]["validation_HR@10"]
    values, harms = {}, {}
    for response in trials(tmp_path, address(tmp_path), "tuned trial 0 responses"):
        run, attack = summary(tmp_path, f"trial_0000/response_{response.number}/seed_0"), response.params["attack"]
        hits = price = run["validation"]["validation_HR@10"]
        if attack == "pieck_uea":
            harms[attack] = run["validation"]["ER@10"]
        else:
            price = without_attack(run)["validation"]["validation_HR@10"]
            harms[attack] = max(0.0, 1 - hits / price)
        assert response.value == pytest.approx(harms[attack])
        values[attack] = harms[attack] + max(0, reference - price)
    assert len(harms) == 2
    (trial,) = trials(tmp_path)
    worst = max(harms, key=lambda attack: harms[attack])
    assert trial.value == pytest.approx(values[worst]) and trial.user_attrs["response"] == [f"attack={worst}"]
    assert trial.user_attrs["harm"] == pytest.approx(harms[worst])
    assert "harm" in ended.output
