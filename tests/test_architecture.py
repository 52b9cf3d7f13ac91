"""The shape of the code: which room imports which, no circle, one meaning for each file name, and no loop over clients, users or items."""

import ast
import re
import sys
from collections import Counter
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
import torch

from tests.reference.federations import SYSTEM, Case, build_system

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "fedrec"
MAY_IMPORT = {  # of the rooms below it, each room may import these
    "ragged": set(),
    "randomness": set(),
    "parent_process": set(),
    "interfaces": {"ragged", "randomness"},
    "mining": {"interfaces", "ragged"},
    "data": {"interfaces", "ragged", "randomness"},
    "models": {"interfaces", "ragged"},
    "aggregation": {"interfaces", "ragged"},
    "poisoning": {"interfaces", "ragged", "randomness", "mining", "data", "models"},
    "attacks": {"interfaces", "ragged", "randomness", "poisoning"},
    "defenses": {"interfaces", "ragged", "randomness", "mining", "aggregation"},
    "federation": {"interfaces", "ragged", "randomness", "data", "models", "aggregation"},
    "evaluation": {"interfaces", "ragged", "randomness", "data"},
    "config": {"interfaces"},
    "cli": {"config"},
    # of evaluation, which items are popular and which epochs are reported
    "tracking": {"interfaces", "config", "evaluation", "parent_process"},
    "identity": set(),
    "comparison": {"config", "evaluation", "tracking"},
    "saved_runs": {"interfaces", "ragged", "data", "evaluation", "config", "tracking"},
    "checkpoints": {"interfaces", "config", "identity"},
    "references": {"interfaces", "config", "identity", "saved_runs"},
    "compare": {"cli", "comparison"},
    "resources": set(),
    "experiment": {"interfaces", "federation", "evaluation", "config", "tracking", "saved_runs", "checkpoints", "resources"},
    "conduct": {
        *("interfaces", "randomness", "data", "poisoning", "config", "identity"),
        *("tracking", "checkpoints", "references", "resources", "experiment"),
    },
    "sweeps": {"interfaces", "evaluation", "comparison", "config", "tracking", "conduct", "parent_process"},
    "main": {"interfaces", "config", "cli", "tracking", "experiment", "conduct", "sweeps"},
    "__main__": {"cli", "main"},
    "catalog": {"config", "cli"},
    "recommend": {"config", "cli", "tracking", "saved_runs"},
    "api": {"interfaces", "config", "cli", "data", "tracking", "saved_runs", "experiment", "sweeps", "comparison", "main"},
    "campaigns": {"identity", "interfaces", "randomness", "federation", "config", "cli", "tracking", "conduct", "sweeps", "main"},
    "auditing": {
        *("interfaces", "config", "cli", "comparison", "tracking", "identity", "evaluation", "saved_runs"),
        *("sweeps", "campaigns", "api", "main"),
    },
    "audit": {"config", "cli", "campaigns", "auditing"},
    "flower": {
        *("interfaces", "randomness", "data", "models", "aggregation", "federation", "evaluation", "config", "cli"),
        *("tracking", "checkpoints", "experiment", "conduct", "api"),
    },
}
# modules in the root of the package
LOOSE = {"__init__", "__main__", "main", "audit", "compare", "catalog", "recommend", "conduct", "experiment"}
LOOSE |= {"resources", "ragged", "randomness", "parent_process"}
FOR_PLUGINS = {"fedrec.interfaces", "fedrec.aggregation", "fedrec.ragged"}  # all that an author of a plug-in imports
HOT_FILES = [
    *(
        "ragged.py",
        "mining/*.py",
        "interfaces/gradient_rows.py",
        "interfaces/upload.py",
        "aggregation/*.py",
        "attacks/*.py",
        "defenses/*.py",
        "models/*.py",
    ),
    *("federation/**/*.py", "poisoning/*.py"),
]
COMPILED = tuple(  # their loops are machine code, so they may go over uploads
    f"aggregation/{name}" for name in ("chosen_coordinates", "compiled_loops", "replaced_items", "sketch_sums", "trimming")
)
ONCE = {"__init__", "targets", "prior_knowledge", "start"}  # what works once, before training, may loop
HOT = sorted(
    path.relative_to(PACKAGE).with_suffix("").as_posix() for pattern in HOT_FILES for path in PACKAGE.glob(pattern) if path.stem not in ONCE
)
MAY_LOOP_OVER = {  # never over clients, users or items
    "groups, parts and summands of an upload": {
        *(
            "self.groups",
            "zip(self.groups, parts, strict=True)",
            "zip(upload.groups, parts, strict=True)",
            "upload.groups",
            "group.parts",
            "self.parts",
            "gradients.rows",
            "of",
        ),
        *("self.scorer", "upload.scorer", "parts", "parts[0]", "groups", "of_groups", "decided"),
    },
    "parameters by name": {
        *(
            "gradients.items()",
            "gradients.values()",
            "uploads.scorer.items()",
            "updates.scorer[1].items()",
            "self.scorer[1].values()",
            "self.scorer[1].items()",
            "found.items()",
            "('pointers', 'coefficients', 'senders')",
        ),
        *(
            "model.scorer.items()",
            "total.scorer.items()",
            "vectors.items()",
            "of_tensors.values()",
            "tensors",
            "(own.items, *own.scorer.values())",
        ),
        *(
            "self.model.scorer.items()",
            "self.model.scorer.values()",
            *("tensors.items()", "self.moments.items()", "self.moments[ITEMS]"),
            "shapes.items()",
            "shapes.values()",
            "zip(shapes.items(), parts, strict=True)",
        ),
        *("parts.items()", "self.gradients.items()", "global_model.scorer.items()", "part.gradients.total().items()"),
        *("gradient.scorer.items()", "change.scorer.items()"),
        "('participations', 'history', 'mined')",
        *("drawn", "self.parameters", "zip(self.parameters, state['parameters'], strict=True)"),
    },
    "layers": {
        *("numbers", "enumerate(pairwise([2 * self.dim, *self.layers]), 1)", "zip(layers.others, layers.biases[1:], strict=True)"),
        *("zip(self.others, self.biases[1:], strict=True)", "zip(reversed(self.others), reversed(outputs[:-1]), strict=True)"),
        *("enumerate(zip(self.outputs, self.slopes[1:], strict=False), 2)", "self.upwards", "self.downwards"),
        *("layers.others", "layers.biases", "biases"),
    },
    "the width of a layer": {"values", "before"},
    "parts of a system": {"defense.transforms", "mined.items()", "self._stateful_parts().items()"},
    "steps": {"range(steps)", "range(self.steps)", "range(self.iterations)", "range(MOST_STEPS)"},
    "modes of mean shift": {"centres", "kept"},
    "targets": {"targets", "self.targets"},
    "blocks": {
        "range(0, len(model.items), size)",
        *("candidates.split(max(1, NUMBERS_LOOKED_UP // (len(rounds) * items.shape[1])))", "batches"),
        "range(0, len(own), size)",
        "range(0, len(users), size)",
    },
    "rounds that somebody mines over": {
        *("which.unbind(1)", "zip(rounds.tolist(), counts.tolist(), strict=True)", "which.unique().tolist()", "rounds"),
        *("self.rounds[:n_forgotten]", "self.milestones", "self.milestones.items()", "self.rounds", "reversed(self.rounds)"),
        "zip(self.rounds, self._look_up(self.rounds, missing), strict=True)",
        *("reversed(self.replaced.get(round, []))", "self.replaced.items()", "state['replaced'].items()"),
    },
    "rounds in which somebody last took part": {"rounds.unique().tolist()", "self.matrices.keys() - set(self.rounds.tolist())"},
    "what all clients remember, one tensor for all": {"self.state.values()", "self.state.items()", "state.items()", "after.items()"},
    "two to four of a kind": {
        *("self.betas", "scatter(ordered[None])"),
        "(('fallback', aggregation.fell_back), ('unguarded', aggregation.unguarded))",
        *("(before, slope)", "(self.outputs, self.slopes)", "range(3)", "part", "(rest, rows)", "(rows, others)"),
        *("(vectors, coefficients, signs)", "(pointers, upload.segments, upload.items, buckets)"),
    },
}


@cache
def modules() -> dict[str, ast.Module]:
    """The dotted name of every module of the program -> its tree."""
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "experiments").rglob("*.py")]
    named = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in files}
    return {name: ast.parse(path.read_text()) for name, path in named.items() if "hydra_plugins" not in name}


def imported(tree: ast.AST) -> set[str]:
    """The modules of the program that a tree imports, anywhere; what only type checkers import counts, too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & modules().keys()


def rooms_imported(name: str, tree: ast.AST) -> set[str]:
    rooms = {parts[1] for module in imported(tree) if len(parts := module.split(".")) > 1 and parts[0] == "fedrec"}
    return rooms - {name.split(".")[1]}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_point_one_way(room):
    trees = {name: tree for name, tree in modules().items() if name == f"fedrec.{room}" or name.startswith(f"fedrec.{room}.")}
    trees.pop(f"fedrec.{room}.__main__", None)  # a program stands above all rooms
    assert trees
    assert set().union(*(rooms_imported(name, tree) for name, tree in trees.items())) <= MAY_IMPORT[room]


def test_every_room_has_its_place_below_the_rooms_that_use_it():
    rooms = list(MAY_IMPORT)
    assert {name.split(".")[1] for name in modules() if name.startswith("fedrec.")} == set(rooms)
    assert all(rooms.index(below) < rooms.index(room) for room, allowed in MAY_IMPORT.items() for below in allowed)
    assert not any(
        module.split(".")[0] == "experiments" for name, tree in modules().items() if name.startswith("fedrec") for module in imported(tree)
    )


def test_there_is_no_circle_of_modules():
    left = {name: imported(tree) - {name} for name, tree in modules().items()}
    while free := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in free:
            del left[name]
    assert not left


def test_few_modules_lie_loose():
    assert {path.stem for path in PACKAGE.glob("*.py")} == LOOSE


def test_a_file_name_has_one_meaning():
    names = Counter(name.rpartition(".")[2] for name, tree in modules().items())
    rooms = {path.name for path in [*PACKAGE.rglob("*"), *(ROOT / "experiments").rglob("*")] if path.is_dir()}
    assert {name for name, count in names.items() if count > 1} - rooms == {"__main__"}  # Python gives it its meaning


@pytest.mark.parametrize(("folder", "group", "combined"), [("attacks", "attack", {"none"}), ("defenses", "defense", {"none", "union"})])
def test_every_file_is_a_method(folder, group, combined):
    """The yaml `union` combines two methods."""
    methods = {path.stem for path in (PACKAGE / folder).glob("*.py")} - {"__init__"}
    choices = {path.stem: path.read_text() for path in (ROOT / "conf" / group).glob("*.yaml")}
    again = {name for name, text in choices.items() if any(f"fedrec.{folder}.{method}." in text for method in methods - {name})}
    assert methods | combined == choices.keys() - again  # other defaults of a method have a yaml of their own name
    assert not again & methods


def test_tests_mirror_the_package():
    """A folder of tests for every room; a file of tests for a module bears the module's name."""
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()} - {"interfaces"}
    assert rooms <= {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}


@pytest.mark.parametrize("name", sorted(name for name in modules() if name.split(".")[-1] != "__main__"))
def test_a_module_does_nothing_when_it_is_imported(name):
    for statement in modules()[name].body:
        is_docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        is_guarded = isinstance(statement, ast.If) and ast.unparse(statement.test) in ("TYPE_CHECKING", "__name__ == '__main__'")
        allowed = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign | ast.AugAssign
        assert is_docstring or is_guarded or isinstance(statement, allowed), ast.unparse(statement)


@pytest.mark.parametrize("page", ["README.md", "fedrec/README.md"])
def test_examples_import_from_the_rooms_for_plug_ins_only(page):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    plug_ins = [block for block in blocks if not block.startswith("# my_start.py")]  # a program that trains, no plug-in
    assert plug_ins
    for block in plug_ins:
        modules_named = {node.module for node in ast.walk(ast.parse(block)) if isinstance(node, ast.ImportFrom)}
        assert {name for name in modules_named if name.startswith("fedrec")} <= FOR_PLUGINS


@pytest.mark.parametrize("module", [module for module in HOT if module not in COMPILED])
def test_no_loop_in_the_hot_modules(module):
    """The interpreter runs none. In the modules that are left out here, numba compiles every function with a loop: see below."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text())
    iterated = [node.iter for node in ast.walk(tree) if isinstance(node, ast.For | ast.comprehension)]
    assert {ast.unparse(expression) for expression in iterated} <= set().union(*MAY_LOOP_OVER.values())
    assert all("n_rounds" in ast.unparse(node.test) for node in ast.walk(tree) if isinstance(node, ast.While))


@pytest.mark.parametrize("module", COMPILED)
def test_every_loop_of_a_compiled_module_is_compiled(module):
    tree, loops = ast.parse((PACKAGE / f"{module}.py").read_text()), (ast.For, ast.While, ast.comprehension)
    compiled = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and [*map(ast.unparse, node.decorator_list)] == ["compiled"]
    ]
    inside = [node for function in compiled for node in ast.walk(function) if isinstance(node, loops)]
    assert inside
    assert len(inside) == sum(isinstance(node, loops) for node in ast.walk(tree))


def test_the_calls_of_a_round_do_not_grow_with_its_clients():
    """A round of eight times the clients calls Python and C functions as often: nothing loops over clients."""
    calls = {}
    for n_users in (100, 800):
        generator = torch.Generator().manual_seed(0)
        positives = torch.randint(2000, (n_users, 40_000 // n_users), generator=generator).tolist()
        rounds = build_system(Case(positives, 2000, [0], "none", {}, None, {**SYSTEM, "clients_per_round": n_users}, 0)).rounds()
        next(rounds)
        counted = Counter()
        sys.setprofile(lambda frame, event, argument, counted=counted: counted.update([event]))
        try:
            next(islice(rounds, 1, None))
        finally:
            sys.setprofile(None)
        calls[n_users] = counted["call"] + counted["c_call"]
    assert calls[800] <= 1.05 * calls[100]


@pytest.mark.parametrize("path", sorted([*PACKAGE.rglob("*.py"), *(ROOT / "experiments").rglob("*.py")]), ids=lambda path: path.stem)
def test_text_is_utf_8_whatever_the_locale(path):
    """What reads or writes text names its encoding; ruff's PLW1514 sees only a part of such calls."""
    for call in (node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call)):
        name, named = ast.unparse(call.func).rpartition(".")[2], {keyword.arg for keyword in call.keywords}
        texts = [argument.value for argument in call.args if isinstance(argument, ast.Constant) and isinstance(argument.value, str)]
        is_text = name in ("read_text", "write_text") or (name in ("open", "fdopen") and not any("b" in text for text in texts))
        foreign = ast.unparse(call.func) in ("os.open", "Image.open", "tarfile.open", "gzip.open", "archive.open")
        assert foreign or not is_text or "encoding" in named, ast.unparse(call)
        assert not named & {"text", "universal_newlines"} or name == "text", ast.unparse(call)
