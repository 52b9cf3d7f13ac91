"""The runs of a trial: one that was cut off goes on from its checkpoint when the trial is repeated."""

from pathlib import Path
from typing import Any

import pytest

from fedrec.checkpoints.checkpointing import Checkpointing
from fedrec.federation.system import System
from tests.sweeps.sweeps import ONE, SHORT, assert_complete, counted, sweep, trials

TUNED = (*SHORT, ONE, "sweep=attack", "attack=pieck_uea", "attack.N=range(5,30)", "hydra/sweeper/pruner=none", "hydra.sweeper.n_trials=2")


@pytest.mark.slow
def test_a_repeated_trial_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut_off = tmp_path / "whole", tmp_path / "cut_off"
    whole.mkdir(), cut_off.mkdir()
    options = (*TUNED, "tracking=none", "checkpoint.every=2")
    assert sweep(whole, *options).status == 0
    rounds: list[int] = []
    began: list[int] = []
    train, begin = System._train, Checkpointing.begin

    def interrupted(self: System) -> Any:
        rounds.append(self.round)
        if len(rounds) == 7:  # the third of four rounds of the second trial, after its evaluation
            raise KeyboardInterrupt
        return train(self)

    def remember(self: Checkpointing, n_rounds: int, first_round: int) -> None:
        began.append(first_round)
        begin(self, n_rounds, first_round)

    monkeypatch.setattr(System, "_train", interrupted)
    monkeypatch.setattr(Checkpointing, "begin", remember)
    assert sweep(cut_off, *options).status == 130
    assert (began, rounds) == ([0, 0], [0, 1, 2, 3, 0, 1, 2])
    ended = sweep(cut_off, *options)
    assert ended.status == 0 and "the run goes on after round 2, from" in ended.output + ended.errors
    assert began[2] == 2 and not any(began[3:])
    assert_complete(trials(cut_off), 2)
    found, expected = (
        [(one.params, one.values, one.intermediate_values) for one in counted(trials(folder))] for folder in (cut_off, whole)
    )
    assert found == expected
    assert not (cut_off / "checkpoints").exists()
