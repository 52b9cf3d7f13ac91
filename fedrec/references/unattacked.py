"""A run without its attack: the same configuration, data and seed, but every client is benign."""

from dataclasses import replace
from typing import Any

from omegaconf import OmegaConf

from fedrec.config.build import NOTHING, Checked, read
from fedrec.config.choices import recorded_choices
from fedrec.config.compose import FOLDER

_NONE = FOLDER / "attack" / "none.yaml"
_NOBODY = {"malicious_share": 0.0, "malicious_clients": None}  # without effect where no attack is, so runs of any number have one reference


def unattacked(checked: Checked) -> Checked:
    """Return the configuration without the attack, its target items and its clients, and without tracking.

    What other options take from these, such as the share of malicious clients that a rule expects, stays.
    """
    plain: Any = OmegaConf.to_container(checked.config, resolve=True)
    plain["attack"] = {**OmegaConf.load(_NONE), "num_targets": 0}
    plain["system"] |= _NOBODY
    plain |= {"tracking": {}, "resume": "never" if plain["resume"] == "never" else "auto"}  # a given checkpoint is that of the attacked run
    plain["choices"] = recorded_choices() | {"attack": "none", "tracking": "none"}
    config = OmegaConf.create(plain)
    system = checked.parts["system"]
    system = replace(system, arguments={**system.arguments, **_NOBODY})
    return Checked(config, {**checked.parts, "attack": read(config.attack), "tracking": NOTHING, "system": system})
