"""A configuration composed from a base equals the one that Hydra composes from the files."""

import hydra
import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.types import HydraContext
from omegaconf import OmegaConf

from fedrec.config.compose import initialized
from fedrec.sweeps.hydra_jobs import Composer

ARGUMENTS = ["sweep=defense", "attack=pieck_uea", "system.epochs=3"]


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["defense.N=7", "defense.beta=0.25"],
        ["model=ncf", "defense.gamma=2.0"],
        ["attack=a_hum", "system.learning_rate=0.1", "evaluation.k=[5,10]"],
        ["defense=[ours,median]", "defense.N=3", "attack.targets=[1,2]"],
    ],
)
def test_it_equals_hydra(overrides: list[str]) -> None:
    with initialized():
        loader = GlobalHydra.instance().config_loader()
        master = hydra.compose("config", ARGUMENTS, return_hydra_config=True)
        composer = Composer(HydraContext(config_loader=loader, callbacks=None), master)
        for _ in range(2):  # the second one from the base that the first one made
            composed = composer.compose(ARGUMENTS, overrides)
            expected = loader.load_sweep_config(master, [*ARGUMENTS, *overrides])
            assert OmegaConf.to_container(composed, resolve=False) | {"hydra": None} == OmegaConf.to_container(expected, resolve=False) | {
                "hydra": None
            }
            assert sorted(composed.hydra.overrides.task) == sorted(expected.hydra.overrides.task)
            assert composed.hydra.runtime.choices == expected.hydra.runtime.choices


def test_options_that_do_not_exist_are_refused() -> None:
    with initialized():
        loader = GlobalHydra.instance().config_loader()
        composer = Composer(
            HydraContext(config_loader=loader, callbacks=None), hydra.compose("config", ARGUMENTS, return_hydra_config=True)
        )
        with pytest.raises(AttributeError, match="beat"):
            composer.compose(ARGUMENTS, ["defense.beat=1"])
