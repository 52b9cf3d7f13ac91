"""The shape of the code: who imports whom, and no loop over clients, users or items where a round spends its time."""

import ast
from itertools import islice
from pathlib import Path

import pytest
import torch

from tests.reference.federations import SYSTEM, Case, build_system

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
    "robust": {"interfaces", "uploads", "segments"},
    "defenses": {"interfaces", "uploads", "segments", "mining", "robust"},
    "federation": {"interfaces", "uploads", "segments", "randomness", "data", "models", "robust"},
    "evaluation": {"interfaces", "segments", "randomness", "data", "federation"},
    "tracking": {"interfaces", "options"},
    "sweeps": {"interfaces", "options", "config", "halves", "tracking"},
}
HOT = [
    *("segments", "uploads", "mining", "models/mf", "models/ncf", "models/perceptron", "models/losses"),
    *(f"federation/{name}" for name in ("local", "aggregation", "decisions", "stealth", "system")),
    *(f"{folder}/{path.stem}" for folder in ("defenses", "robust") for path in sorted((PACKAGE / folder).glob("*.py"))),
    *(f"attacks/{path.stem}" for path in sorted((PACKAGE / "attacks").glob("*.py")) if path.stem not in {"__init__", "targets", "prior"}),
]
MAY_LOOP_OVER = {  # never over clients, users or items
    "groups, parts and summands of an upload": {
        *("self.groups", "upload.groups", "group.parts", "self.parts", "gradients.rows", "of"),
        *("self.scorer", "upload.scorer", "parts", "parts[0]", "groups"),
    },
    "parameters by name": {
        *(
            "gradients.items()",
            "gradients.values()",
            "zip(*decided, strict=True)",
            "found.items()",
            "('pointers', 'coefficients', 'senders')",
        ),
        *("model.scorer.items()", "own.scorer.items()", "(own.items, *own.scorer.values())"),
        *(
            "self.model.scorer.items()",
            "self.model.scorer.values()",
            "shapes.items()",
            "shapes.values()",
            "zip(shapes.items(), parts, strict=True)",
        ),
        *("parts.items()", "gradient.items()", "self.gradients.items()", "global_model.scorer.items()", "part.gradients.total().items()"),
        *("('users', 'profiles', 'has_profile')", "('participations', 'history', 'mined')"),
        *("drawn", "self.parameters", "zip(self.parameters, state['parameters'], strict=True)"),
    },
    "layers": {
        *("numbers", "enumerate(pairwise([2 * self.dim, *self.layers]), 1)", "zip(layers.others, layers.biases[1:], strict=True)"),
        *("zip(self.others, self.biases[1:], strict=True)", "zip(reversed(self.others), reversed(hidden[:-1]), strict=True)"),
        *("enumerate(zip(self.hidden, self.slopes[1:], strict=False), 2)", "upwards", "downwards", "self.layers"),
    },
    "the width of a layer": {"values", "before"},
    "parts of a defense": {"defense.transforms"},
    "steps": {"range(steps)", "range(self.steps)", "range(self.iterations)"},
    "selections of all groups at once": {"range(n_steps)"},
    "targets": {"self.targets"},
    "blocks": {
        "torch.arange(len(model.items)).split(max(1, NUMBERS_AT_ONCE // (n_users * max(self.layers))))",
        "torch.arange(len(histories)).split(max(1, BLOCK_NUMBERS // len(items)))",
        "range(0, len(users), size)",
        *("runs", "self.runs", "range(0, n_groups, at_once)", "uploads.blocks()", "blocks", "batch", "_batches(blocks, f)"),
    },
    "rounds that somebody mines over": {
        *("pairs.tolist()", "which[part].unbind(1)", "zip(rounds.tolist(), counts.tolist(), strict=True)"),
    },
    "two or three of a kind": {
        "(('fallback', aggregation.fell_back), ('unguarded', aggregation.unguarded))",
        *("(alike, ~alike)", "(before, slope)", "(hidden, slopes)", "range(3)", "(values, values ** 2)", "part", "(rows, others)"),
    },
}


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
    tree = ast.parse((PACKAGE / f"{module}.py").read_text())
    iterated = [node.iter for node in ast.walk(tree) if isinstance(node, ast.For | ast.comprehension)]
    assert {ast.unparse(expression) for expression in iterated} <= set().union(*MAY_LOOP_OVER.values())
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
