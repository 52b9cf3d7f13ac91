"""The shape of the code: who imports whom, and no loop over clients, users or items where a round spends its time."""

import ast
from itertools import islice
from pathlib import Path

import pytest
import torch

from tests.federations import SYSTEM, Case, build_system

PACKAGE = Path(__file__).parents[1] / "fedrec"
MAY_IMPORT = {
    "segments": set(),
    "randomness": set(),
    "uploads": {"segments"},
    "interfaces": {"segments", "uploads"},
    "mining": set(),
    "declarations": {"options"},
    "cards": {"declarations", "options", "references"},
    "data": {"interfaces", "segments", "randomness"},
    "models": {"interfaces", "segments", "uploads"},
    "attacks": {"interfaces", "uploads", "segments", "randomness", "mining", "data", "models"},
    "defenses": {"interfaces", "uploads", "segments", "mining"},
    "federation": {"interfaces", "uploads", "segments", "randomness", "data", "models"},
    "evaluation": {"interfaces", "segments", "randomness", "data", "federation"},
    "tracking": {"interfaces", "options"},
}
HOT = ["segments", "models/mf", "models/losses", "federation/local", "federation/aggregation", "federation/system", "defenses/ours"]


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_imports_point_one_way(part):
    files = [PACKAGE / f"{part}.py"] if (PACKAGE / f"{part}.py").exists() else sorted((PACKAGE / part).glob("*.py"))
    assert files
    imported = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("fedrec."):
                imported.add(node.module.split(".")[1])
    assert imported - {part} <= MAY_IMPORT[part]


@pytest.mark.parametrize("module", HOT)
def test_no_loop_in_the_hot_modules(module):
    """But over targets and over the few summands of an upload."""
    allowed = {"self.targets", "upload.parts", "others", "received.interaction.items()"}
    tree = ast.parse((PACKAGE / f"{module}.py").read_text())
    iterated = [node.iter for node in ast.walk(tree) if isinstance(node, ast.For | ast.comprehension)]
    assert {ast.unparse(expression) for expression in iterated} <= allowed
    assert all("n_rounds" in ast.unparse(node.test) for node in ast.walk(tree) if isinstance(node, ast.While))


def test_time_per_round_follows_the_pairs_not_the_clients():
    """Eight times the clients with the same number of pairs: less than three times the time."""
    seconds = {}
    for n_users in (100, 800):
        generator = torch.Generator().manual_seed(0)
        positives = torch.randint(2000, (n_users, 40_000 // n_users), generator=generator).tolist()
        system = {**SYSTEM, "clients_per_round": n_users, "epochs": 30}
        rounds = build_system(Case(positives, 2000, [0], "none", {}, None, system, 0)).rounds()
        next(rounds)
        seconds[n_users] = min(result.seconds for result in islice(rounds, 25))
    assert seconds[800] < 3 * seconds[100]
