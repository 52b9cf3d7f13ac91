"""A module that is a program for whoever runs it, and a function for whoever imports it: `fedrec.audit`, `fedrec.compare`."""

from importlib import import_module
from types import ModuleType
from typing import Any


def callable_module(module: str, function: str) -> type[ModuleType]:
    """Return the class of a module that calls a function of another one, which is imported only then."""

    class CallableModule(ModuleType):
        def __call__(self, *arguments: Any, **options: Any) -> Any:
            return getattr(import_module(module), function)(*arguments, **options)

    return CallableModule
