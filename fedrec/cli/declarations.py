"""What a class says about itself, read from its source, because importing torch would take longer than all the rest of `--help`.

Names are looked up where `from MODULE import NAME` leads. What cannot be found that way, in a user's own module perhaps, is empty.
"""

import ast
import builtins
import importlib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

from fedrec.config.validation import describe

AS_THEY_ARE = ("annotated_types", "collections.abc", "pathlib", "pydantic", "typing", "typing_extensions")  # modules that are imported
Callee = ast.ClassDef | ast.FunctionDef  # what a `_target_` may name


class Declaration:
    """The class or function at MODULE.NAME, if it can be found."""

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
        """Return the text that the class or its nearest base class sets."""
        with suppress(Exception):
            for module, node in self.lineage:
                if value := _bound(getattr(node, "body", [])).get(name):
                    return str(_evaluate(value, module))
        return ""

    def allowed(self, parameter: str) -> str:
        """Return in words what the annotation of a parameter allows."""
        with suppress(Exception):
            for module, node in self.lineage:
                if annotation := _annotations(node).get(parameter):
                    value = _evaluate(annotation, module)
                    return describe(_evaluate(ast.parse(value, mode="eval").body, module) if isinstance(value, str) else value)
        return ""


def _evaluate(expression: ast.expr, module: str) -> Any:
    names = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)} - set(dir(builtins))
    return eval(compile(ast.Expression(expression), module, "eval"), {name: _value(module, name) for name in names})


def _value(module: str, name: str) -> Any:
    """Return what a name means in a module; of a class only the name is told."""
    module, found = _find(module, name)
    if isinstance(found, ast.expr):
        return _evaluate(found, module)
    return type(name, (), {}) if isinstance(found, ast.ClassDef) else found


def _lineage(module: str, name: str) -> Iterator[tuple[str, Callee]]:
    """Yield a class and its base classes, or a function, each with the module that defines it; the class itself comes first."""
    with suppress(Exception):  # a base class that cannot be read has nothing to add
        module, found = _find(module, name)
        if isinstance(found, Callee):
            yield module, found
        for base in found.bases if isinstance(found, ast.ClassDef) else []:
            yield from _lineage(module, ast.unparse(base).partition("[")[0])


def _find(module: str, name: str) -> tuple[str, Any]:
    """Return what a name stands for (a value, a class, a function or the object itself) and the module that says so.

    Raises KeyError if nothing of the kind is there.
    """
    if module in AS_THEY_ARE:
        return module, getattr(importlib.import_module(module), name)
    found = _bound(_tree(module).body)[name]
    if not isinstance(found, tuple):
        return module, found
    package = module if _file(module).name == "__init__.py" else module.rpartition(".")[0]
    return _find(resolve_name(found[0], package), found[1])


def _bound(body: list[ast.stmt]) -> dict[str, Any]:
    """Return what each name of a module or class stands for: a value, a class, a function, or a module and a name in it."""
    found: dict[str, Any] = {}
    for node in body:
        if isinstance(node, Callee):
            found[node.name] = node
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            found |= {alias.asname or alias.name: (source, alias.name) for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {ast.unparse(target): node.value for target in targets}
    return found


def _annotations(node: Callee) -> dict[str, ast.expr]:
    """Return the annotations of a dataclass's fields and of the arguments of a constructor or function."""
    if isinstance(node, ast.FunctionDef):
        arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
        return {argument.arg: argument.annotation for argument in arguments if argument.annotation}
    found = {ast.unparse(part.target): part.annotation for part in node.body if isinstance(part, ast.AnnAssign)}
    constructors = (part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__")
    return found | {name: annotation for part in constructors for name, annotation in _annotations(part).items()}


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_file(module).read_bytes())


def _file(module: str) -> Path:
    """Return the file of a module without importing its package. Raises KeyError if there is none."""
    top, *inner = module.split(".")
    spec = find_spec(top)
    for name in inner:
        spec = spec and PathFinder.find_spec(name, spec.submodule_search_locations or [])
    if spec is None or spec.origin is None:
        raise KeyError(module)
    return Path(spec.origin)
