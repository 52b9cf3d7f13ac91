"""The name of a study."""

import hydra

from fedrec.config.compose import initialized


def name_of_the_study(*overrides: str) -> str:
    with initialized():
        return str(hydra.compose("config", ["sweep=defense", *overrides], return_hydra_config=True).hydra.sweeper.study_name)


def test_the_name_of_a_study_follows_the_options() -> None:
    """Other options give another name. The number of trials and of workers plays no part, nor does what runs leave."""
    name = name_of_the_study()
    assert name.startswith("defense-pieck_uea-ours-mf-ml100k-")
    assert name == name_of_the_study("hydra.sweeper.n_trials=9", "hydra.sweeper.n_jobs=7", "threads=2", "tracking=none", "model.save=true")
    others = [("seed=1",), ("sweep.hr_weight=2",), ("hydra/sweeper/sampler=random",), ("hydra/sweeper/pruner=none",), ("defense.N=3",)]
    assert len({name, *(name_of_the_study(*overrides) for overrides in others)}) == 1 + len(others)
