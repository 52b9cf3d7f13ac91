"""What the attacks of a sweep are judged by: the exposure of their targets, or what they destroy of the recommendations."""

from collections.abc import Sequence
from typing import Any

from optuna.distributions import CategoricalDistribution

from fedrec.config.build import Checked
from fedrec.sweeps.objectives import HARM
from fedrec.sweeps.search_space import SearchSpace


def harm_of(configurations: Sequence[Checked]) -> str:
    """Return what the attacks are judged by: ER, degradation, or harm if there are both kinds."""
    kinds = {has_exposure(one) for one in configurations}
    return "harm" if len(kinds) > 1 else HARM if kinds == {True} else "degradation"


def has_exposure(checked: Checked) -> bool:
    """Return whether an exposure judges the attack, or no attack: it promotes items, or the exposure of some is measured."""
    part = checked.parts["attack"]
    attack: Any = part.constructor
    has_targets = part.arguments["num_targets"] > 0 or not isinstance(part.arguments["targets"], str)
    return bool(attack.promotes or has_targets or not attack.takes_part)


def tuned_attacks(*spaces: SearchSpace) -> list[str]:
    """Return the attacks that are tuned, as choices of their group."""
    tuned = [space.distributions["attack"] for space in spaces if "attack" in space.distributions]
    return [str(choice) for distribution in tuned if isinstance(distribution, CategoricalDistribution) for choice in distribution.choices]
