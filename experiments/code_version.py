"""Which version of the code a result belongs to: a digest of the modules that it depends on, and of no others."""

import ast
import hashlib
import importlib.util
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path


def code_version(modules: Iterable[str]) -> str:
    """Digest of these modules and of all that they import from their own packages; comments, docstrings and layout do not count."""
    wanted, found = set(modules), set[str]()
    packages = {module.partition(".")[0] for module in wanted}
    while wanted:
        module = wanted.pop()
        found.add(module)
        wanted |= {name for name in _parsed(module)[1] if name.partition(".")[0] in packages} - found
    text = "".join(f"{module} {_parsed(module)[0]}\n" for module in sorted(found))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@cache
def _parsed(module: str) -> tuple[str, frozenset[str]]:
    """The digest of a module, and the names of the modules that it imports."""
    specification = importlib.util.find_spec(module)
    if specification is None or specification.origin is None or not specification.origin.endswith(".py"):
        return "", frozenset()
    tree = ast.parse(Path(specification.origin).read_text())
    imported = frozenset(_imports(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), imported


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (name for alias in node.names if _is_module(name := f"{node.module}.{alias.name}"))


@cache
def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is no package
        return False
