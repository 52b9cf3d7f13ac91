"""The version of the code that a result belongs to: a digest of the modules that the result depends on, and of no others."""

import ast
import hashlib
import importlib.util
import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any


def code_version(modules: Iterable[str], alone: Iterable[str] = ()) -> str:
    """Return a digest of `modules`, of everything that they import from their own packages, and of `alone` without its imports.

    Comments, docstrings and layout do not count.
    """
    found = _found(modules, alone)
    return hashlib.sha256(json.dumps([[module, _parsed(module)[0]] for module in sorted(found)]).encode()).hexdigest()[:12]


def latest_change(modules: Iterable[str], alone: Iterable[str] = ()) -> float:
    """Return when the last of the modules that `code_version` counts was changed, in seconds since 1970."""
    return max(_parsed(module)[2] for module in _found(modules, alone))


def _found(modules: Iterable[str], alone: Iterable[str]) -> set[str]:
    wanted, found = set(modules), set(alone)
    packages = {module.partition(".")[0] for module in wanted}
    while wanted:
        module = wanted.pop()
        found.add(module)
        wanted |= {name for name in _parsed(module)[1] if name.partition(".")[0] in packages} - found
    return found


@cache
def _parsed(module: str) -> tuple[str, frozenset[str], float]:
    """Return the digest of a module, the names that it imports, and when it was changed; all empty if the name is not that of a module."""
    try:
        specification = importlib.util.find_spec(module)
    except ModuleNotFoundError:  # a class or a function: its parent is no package
        return "", frozenset(), 0.0
    if specification is None or specification.origin is None or not specification.origin.endswith(".py"):
        return "", frozenset(), 0.0
    tree = ast.parse(Path(specification.origin).read_bytes())
    imported = frozenset(_imports(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    changed = Path(specification.origin).stat().st_mtime
    return hashlib.sha256(json.dumps(_plain(tree)).encode()).hexdigest(), imported, changed


def _plain(node: Any) -> Any:
    """Return a syntax tree as lists. Absent fields are left out, because versions of Python differ in which they have."""
    if isinstance(node, list):
        return [_plain(one) for one in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    return [type(node).__name__, *([name, _plain(value)] for name, value in ast.iter_fields(node) if value not in (None, []))]


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
