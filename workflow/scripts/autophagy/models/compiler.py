"""torch's compiler, which nothing here uses, imported only by what really uses it.

torch and diffusers import `torch._dynamo` to tell it what not to compile, and to ask whether a
network has been compiled. That takes a job more time than the rest of torch does.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

NAME = "torch._dynamo"


class Deferred(ModuleType):
    """Stands for the compiler until it is asked for more than what follows from its not running."""

    #: Whether none of its submodules can be imported; `from torch._dynamo import …` asks for them.
    closed = False

    class eval_frame:
        class OptimizedModule:
            """What a compiled network would be: none is."""

    @staticmethod
    def disable(function: Any = None, *_: Any, **__: Any) -> Any:
        """`function` itself, or, called with options alone, a decorator that gives it back."""
        return function or (lambda given: given)

    @staticmethod
    def graph_break(*_: Any, **__: Any) -> None:
        """What is not compiled has no graph."""

    @staticmethod
    def allow_in_graph(function: Any) -> Any:
        return function

    def __getattr__(self, name: str) -> Any:
        # Who looks through all modules asks for these. `__path__` is asked for also by the import
        # of a submodule, which needs the compiler.
        if name.startswith("__") and (name != "__path__" or self.closed):
            raise AttributeError(name)
        if sys.modules.get(NAME) is self:
            del sys.modules[NAME]
        return getattr(importlib.import_module(NAME), name)


@contextmanager
def deferred() -> Iterator[None]:
    """From here on torch's compiler is imported by its first real use; nothing where it has been.

    Within it, none of the compiler's submodules can be imported by name.
    """
    import torch  # noqa: F401

    stand_in = sys.modules.setdefault(NAME, Deferred(NAME))
    if not isinstance(stand_in, Deferred):
        yield
        return
    stand_in.closed = True
    try:
        yield
    finally:
        stand_in.closed = False
