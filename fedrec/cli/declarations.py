"""What a class says about itself, read from its source: to import torch would take longer than all the rest of `--help`.

Constants and the annotations of fields and constructors are evaluated one by one, names are looked up where `from MODULE import
NAME` leads. What cannot be found that way, as may happen in a user's own module, is the empty text.
"""

import ast
import importlib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

from fedrec.config.validation import describe

AS_THEY_ARE = ("annotated_types", "collections.abc", "pathlib", "pydantic", "typing", "typing_extensions")  # names that say what is allowed
Callee = ast.ClassDef | ast.FunctionDef  # what a `_target_` may name


class Declaration:
    """The class or function at MODULE.NAME, if it can be found.

    >>> mf = Declaration("fedrec.models.mf.MatrixFactorization")
    >>> mf.allowed("dim"), mf.allowed("depth")
    ('a whole number >= 1', '')
    """

    def __init__(self, target: str) -> None:
        self.module, _, name = target.rpartition(".")
        self.lineage = list(_lineage(self.module, name))

    @property
    def summary(self) -> str:
        """The first line of the module."""
        with suppress(Exception):
            return (ast.get_docstring(_tree(self.module)) or "").partition("\n")[0].rstrip(".")
        return ""

    def constant(self, name: str) -> str:
        """A text that the class or the nearest base class sets."""
        with suppress(Exception):
            for module, node in self.lineage:
                if (value := _assigned(node.body, name)) is not None:
                    return str(_evaluate(value, module))
        return ""

    def allowed(self, parameter: str) -> str:
        """What the annotation of a parameter allows, in words."""
        with suppress(Exception):
            for module, node in self.lineage:
                if annotation := _annotations(node).get(parameter):
                    value = _evaluate(annotation, module)
                    return describe(_evaluate(ast.parse(value, mode="eval").body, module) if isinstance(value, str) else value)
        return ""


class _Names(dict[str, Any]):
    """The names of a module, each evaluated when an expression asks for it."""

    def __init__(self, module: str) -> None:
        self.module = module

    def __missing__(self, name: str) -> Any:
        module, found = _find(self.module, name)
        if isinstance(found, ast.expr):
            return _evaluate(found, module)
        return type(name, (), {}) if isinstance(found, ast.ClassDef) else found  # of a class, only the name is told


def _evaluate(expression: ast.expr, module: str) -> Any:
    return eval(compile(ast.Expression(expression), module, "eval"), {}, _Names(module))


def _lineage(module: str, name: str) -> Iterator[tuple[str, Callee]]:
    """A class and its base classes, or a function, each with the module that defines it; the class itself first."""
    with suppress(Exception):  # a base class that cannot be read has nothing to add
        module, found = _find(module, name)
        if isinstance(found, ast.ClassDef | ast.FunctionDef):
            yield module, found
        for base in found.bases if isinstance(found, ast.ClassDef) else []:
            yield from _lineage(module, ast.unparse(base).partition("[")[0])


def _find(module: str, name: str) -> tuple[str, Any]:
    """What a name stands for and the module that says so: a value (ast.expr), a class, a function, or the object itself.

    Raises KeyError if nothing of the kind is there.
    """
    if module in AS_THEY_ARE:
        return module, getattr(importlib.import_module(module), name)
    for node in _tree(module).body:
        if isinstance(node, Callee) and node.name == name:
            return module, node
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if name == (alias.asname or alias.name):
                    return _find(_imported(node, module), alias.name)
        elif (value := _assigned([node], name)) is not None:
            return module, value
    raise KeyError(name)


def _imported(node: ast.ImportFrom, module: str) -> str:
    """The module that a line of `module` imports from."""
    package = module if _file(module).name == "__init__.py" else module.rpartition(".")[0]
    return resolve_name("." * node.level + (node.module or ""), package)


def _assigned(body: list[ast.stmt], name: str) -> ast.expr | None:
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        if name in map(ast.unparse, targets):
            return getattr(node, "value", None)
    return None


def _annotations(node: Callee) -> dict[str, ast.expr]:
    """Of the fields of a dataclass, of the arguments of a constructor or function."""
    if isinstance(node, ast.FunctionDef):
        arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
        return {argument.arg: argument.annotation for argument in arguments if argument.annotation}
    found = {}
    for part in node.body:
        if isinstance(part, ast.AnnAssign):
            found[ast.unparse(part.target)] = part.annotation
        elif isinstance(part, ast.FunctionDef) and part.name == "__init__":
            found |= _annotations(part)
    return found


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_file(module).read_bytes())


def _file(module: str) -> Path:
    """Where the source of a module lies; no package is imported for it. Raises KeyError if there is none."""
    top, *inner = module.split(".")
    spec = find_spec(top)
    if spec and not inner and spec.origin:
        return Path(spec.origin)
    for folder in (spec and spec.submodule_search_locations) or []:
        path = Path(folder, *inner)
        for file in (path / "__init__.py", path.with_suffix(".py")):
            if file.is_file():
                return file
    raise KeyError(module)
