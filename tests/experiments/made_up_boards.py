"""Made-up rows of a leaderboard."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from fedrec.campaigns.store import COLUMNS

NOBODY: Sequence[int] = ()


def run(exposure: float, hits: float, targets: Sequence[int] = (7,), **more: Any) -> dict[str, Any]:
    """Return what is kept of a run with these ER@10 and HR@10."""
    values = {"epoch": 5, "HR@10": hits, "NDCG@10": hits / 2, **({"ER@10": exposure} if targets else {})}
    rules = {rule: dict(values) for rule in ("best", "near_best", "final")}
    facts = {"targets": list(targets), "malicious_clients": 2, "rounds": 9, "seconds": {"total": 2.0, "cpu": 1.0}}
    return {"common": {"code": "c"}, **facts, "torch": "2.0", "machine": "a machine", **rules, **more}


def row(attack: str, defense: str, seed: int, result: Mapping[str, Any], model: str = "mf", part: str = "ml100k") -> dict[str, Any]:
    """Return a row of a table; two rows are of the same run if their settings and seeds are the same."""
    point = [f"model={model}", f"attack={attack}", f"defense={defense}"]
    name = f"{part} {point} {seed}"
    told = ("leaderboard/" + part, json.dumps(point), "ml100k", seed, name, "v", name, json.dumps(result))
    return dict(zip(COLUMNS, told, strict=True))


def table(*rows: Mapping[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS))


def field_of_four(seeds: int = 2, model: str = "mf") -> Iterator[dict[str, Any]]:
    """Yield a board: `strong` holds at a price, `cheap` and `none` do not, `torn` diverges. The attack `fade` promotes nothing."""
    for seed in range(seeds):
        shift = 0.01 * seed
        for defense, hits, exposure, kept in (("none", 0.5, 0.9, 0.3), ("strong", 0.49, 0.02, 0.48), ("cheap", 0.5, 0.4, 0.25)):
            yield row("none", defense, seed, run(0.0, hits + shift), model)
            yield row("pipa", defense, seed, run(exposure, hits + shift), model)
            yield row("fade", defense, seed, run(0.0, kept + shift, NOBODY), model)
        yield row("none", "torn", seed, run(0.0, 0.4), model)
        yield row("fade", "torn", seed, run(0.0, 0.1, NOBODY, diverged="round 3: the loss is nan"), model)
