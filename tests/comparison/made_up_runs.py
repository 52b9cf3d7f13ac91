"""Run folders with made-up results, as a run leaves them."""

import json
import os
from pathlib import Path
from typing import Any

COUNTED = {"round": 5, "epoch": 1}


def summary(attack: str, defense: str, seed: int, er: float, hr: float, status: str = "FINISHED", **options: Any) -> dict[str, Any]:
    """Return a summary; `options` are dotted, with __ for the dot. ER@10 near the best epoch is a hundredth higher."""
    config: dict[str, Any] = {
        "attack": {"_target_": "fedrec.attacks.any.Attack"} if attack != "none" else {},
        "defense": {"_target_": "fedrec.defenses.any.Defense"} if defense != "none" else {},
        "evaluation": {"selection": "HR@10", "k": [5, 10]},
        "model": {"dim": 4},
        "dataset": {"users": 20},
        "seed": seed,
        "choices": {"attack": attack, "defense": defense, "model": "mf", "dataset": "synthetic"},
    }
    for name, value in options.items():
        group, _, key = name.partition("__")
        config[group] = {**config.get(group, {}), key: value} if key else value
    best, near = {**COUNTED, "ER@10": er, "HR@10": hr}, {"epoch": 1, "evaluations": 3, "ER@10": er + 0.01, "HR@10": hr}
    rules = {"best": best, "near_best": near, "validation": None, "peak": best, "final": best, "exposed": 0.5}
    facts = {"dataset": {"users": 20, "items": 30, "interactions": 100}, "seconds": {"total": 1.5}, "mlflow_run_id": None}
    return {"status": status, "config": config, "degradation": None, **rules, **facts, "data_checksum": f"data {seed}", "code": "abc"}


def untargeted(attack: str, defense: str, seed: int, lost: float, hr: float) -> dict[str, Any]:
    """Return the summary of a run without target items that has lost a share of HR@10."""
    found = summary(attack, defense, seed, 0.0, hr)
    for rule in ("best", "near_best", "final"):
        found[rule].pop("ER@10", None)  # two rules may report one evaluation
    clean = {"name": "clean", "folder": "references/1", "epoch": 1, "HR@10": hr / (1 - lost)}
    return {**found, "peak": None, "exposed": None, "degradation": {"HR@10": lost, "without": clean}}


def run_folder(folder: Path, content: dict[str, Any], ended: float = 1000.0) -> Path:
    """Make the folder of a run that ended so many seconds after 1970."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".hydra").mkdir(exist_ok=True)
    (folder / ".hydra/config.yaml").write_text("seed: 0\n")
    file = folder / "summary.json"
    file.write_text(json.dumps(content))
    os.utime(file, (ended, ended))
    return folder
