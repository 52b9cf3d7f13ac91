"""The command line of an audit -> what it is asked for, and what its runs have in common. Everything is checked before anything is run."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import hydra

from fedrec.auditing.audit_choices import existing
from fedrec.auditing.audit_options import AuditOptions
from fedrec.auditing.audit_source import name_of_data, refuse_other_data, source_of
from fedrec.campaigns.campaign_options import SHARED_DEFAULTS, read_options
from fedrec.cli.arguments import CONFIG_DIR, of_one_run
from fedrec.config.build import check
from fedrec.config.validation import ConfigError

FOLDER = "multirun/audit"  # has a folder for each data set and model: the page of another audit stays
QUICK, DRY = "--quick", "--dry-run"
EXPECTED = f"{QUICK}, {DRY}, {CONFIG_DIR} FOLDER or --help"

AUDIT_DEFAULTS: Mapping[str, Any] = {
    "budget": 600,
    "attacks": ["pieck_uea", "pieck_ipe", "poison_frs", "min_sum", "popular", "bandwagon", "spattack", "cluster_attack", "ipm"],
    "defenses": ["ours", "norm_bound", "median", "flame", "[norm_bound,flame]", "sign_guard", "union"],
    "levels": [0.01, 0.05, 0.2, 0.5],
    "accounts": [],
    "seeds": 3,
    "quick": False,
    **SHARED_DEFAULTS,
    "folder": FOLDER,
    "tracking": "none",
}
QUICK_DEFAULTS: Mapping[str, Any] = {
    "budget": 45,
    "attacks": ["pieck_uea", "pieck_ipe"],
    "defenses": ["norm_bound", "flame"],
    "levels": [0.05],
    "seeds": 1,
    "quick": True,
}
_CHOSEN = "an audit chooses {0}s itself; {0}s=A,B says among which"
_VARIED = "an audit varies the number of fake accounts itself"
_REFUSED = {  # options of a run that are questions of an audit -> why
    "attack": _CHOSEN.format("attack"),
    "num_targets": _CHOSEN.format("attack"),
    "targets": _CHOSEN.format("attack"),
    "defense": _CHOSEN.format("defense"),
    "system.malicious_share": _VARIED,
    "system.malicious_clients": _VARIED,
    "quick": f"{QUICK} asks for a first look",
    "seed": "an audit runs several seeds; seeds=3 says how many",
    "experiment": "an audit has settings of its own; options such as system.epochs=50 change them",
    "sweep": "an audit plans its runs itself",
    "reference": "an audit measures the runs without an attack itself",
    "dataset.validation": "an audit holds validation items out where it tunes",
    "evaluation.metrics": "an audit needs ER, HR and NDCG",
    "evaluation.k": "an audit judges the top 10",
    "hydra.run": "folder=FOLDER says where the runs lie",
    "hydra.sweep": "folder=FOLDER says where the runs lie",
    "hydra/launcher": "launcher=NAME chooses it",
    "hydra/sweeper": "an audit plans its runs itself",
}
QUIET = "hydra/job_logging=none"  # a single worker, in this process, would else print what Hydra does
_PASSED = ("hydra.", "hydra/", "tracking.")
_FOREIGN = r"[^\w.-]+"  # what no name of a folder holds
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)min)?(?:(\d+)s)?")


@dataclass(frozen=True)
class Asked:
    """What a command line asks for."""

    options: AuditOptions
    overrides: list[str]  # of every run: its data, its model, and their options
    passed: list[str]  # options of Hydra and of tracking
    data: str
    model: str


def asked_for(arguments: Sequence[str], is_quick: bool = False, data_name: str | None = None) -> Asked:
    """Return what the arguments ask for. Hydra must be initialised. `data_name` takes the place of the data set's in the default folder.

    Raises ConfigError, or what Hydra raises, if an argument is wrong, an option, an attack or a defense does not exist or does not work, or
    the folder holds the audit of other data.
    """
    own: list[str] = []
    rest: list[str] = []
    for argument in arguments:
        name = argument.lstrip("+~").partition("=")[0]
        if reason := next((reason for key, reason in _REFUSED.items() if f"{name}.".startswith(f"{key}.")), None):
            raise ConfigError(f"{argument}: {reason}")
        (own if name in AUDIT_DEFAULTS else rest).append(_in_seconds(argument) if name == "budget" else argument)
    options = read_options(own, AuditOptions, {**AUDIT_DEFAULTS, **(QUICK_DEFAULTS if is_quick else {})}, EXPECTED)[0]
    overrides = of_one_run(rest, "an audit", EXPECTED)
    passed = [QUIET, *(text for text in overrides if text.lstrip("+~").startswith(_PASSED))]
    overrides = [text for text in overrides if text not in passed]
    files = [text for text in passed if text.startswith(("hydra.searchpath=", "tracking."))]  # the planner checks what Hydra is told
    common = [*overrides, *files, f"tracking={options.tracking}"]
    config = hydra.compose("config", common, return_hydra_config=True)
    check(config)
    attacks, defenses = (existing(group, getattr(options, f"{group}s"), config, common) for group in ("attack", "defense"))
    if not attacks:
        raise ConfigError("attacks=none: an audit needs an attack; what is lost without one is measured anyway")
    is_given = any(text.startswith("folder=") for text in own)
    data, model = data_name or name_of_data(config), config.hydra.runtime.choices.model
    folder = options.folder if is_given else f"{FOLDER}/{re.sub(_FOREIGN, '_', f'{data}-{model}')}"
    if data_name is None:
        refuse_other_data(Path(folder), source_of(config, Path(folder)))
    return Asked(replace(options, attacks=attacks, defenses=defenses, folder=folder), overrides, passed, data, model)


def _in_seconds(argument: str) -> str:
    """Return budget=1h30min as budget=5400, and budget=none as budget=null. Raises ConfigError if it is no duration."""
    text = argument.partition("=")[2]
    found = _DURATION.fullmatch(text)
    if text == "none":
        return "budget=null"
    if not text or found is None:
        raise ConfigError(f"{argument}: expected a time such as 90s, 10min or 1h30min, or none")
    hours, minutes, seconds = (int(number or 0) for number in found.groups())
    return f"budget={3600 * hours + 60 * minutes + seconds}"


def as_time(seconds: float) -> str:
    """Return seconds as one types a budget.

    >>> as_time(5400), as_time(61)
    ('1h30min', '1min1s')
    """
    minutes, rest = divmod(round(seconds), 60)
    parts = zip((minutes // 60, minutes % 60, rest), ("h", "min", "s"), strict=True)
    return "".join(f"{number}{unit}" for number, unit in parts if number)
