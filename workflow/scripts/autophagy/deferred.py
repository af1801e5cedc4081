"""Parts of torch that nothing here uses, imported only by what really uses them.

A third of the time that `import torch` takes goes to the kernels of tensors without data (device
"meta"); its optimizers and diffusers import its compiler, which takes longer still, to tell it what
not to compile. Stand-ins are in their places until something real is asked of the compiler, or
`whole` is called.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo"
#: Imported for what it registers: nobody asks it for a name, so `whole` has to.
KERNELS = "torch._meta_registrations"


class Deferred(ModuleType):
    """Stands for a module until it is asked for more than what it says itself."""

    #: Whether none of its submodules can be imported; `from torch._dynamo import …` asks for them.
    closed = False

    def __getattr__(self, name: str) -> Any:
        # Who looks through all modules asks for these. `__path__` is asked for also by the import
        # of a submodule, which needs the module.
        if name.startswith("__") and (name != "__path__" or self.closed):
            raise AttributeError(name)
        whole()
        return getattr(importlib.import_module(self.__name__), name)


class Compiler(Deferred):
    """The compiler, which says by itself what follows from its not running."""

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


def torch() -> Any:
    """The package torch; where this imports it, without what is deferred."""
    if "torch" not in sys.modules:
        sys.modules |= {COMPILER: Compiler(COMPILER), KERNELS: Deferred(KERNELS)}
    return importlib.import_module("torch")


@contextmanager
def compiler() -> Iterator[None]:
    """From here on torch's compiler is imported by its first real use; nothing where it has been.

    Within it, none of the compiler's submodules can be imported by name.
    """
    torch()
    stand_in = sys.modules.setdefault(COMPILER, Compiler(COMPILER))
    if not isinstance(stand_in, Deferred):
        yield
        return
    stand_in.closed = True
    try:
        yield
    finally:
        stand_in.closed = False


def whole() -> Any:
    """The package torch with all of it, deferred before or not.

    For who uses tensors without data; and for the code of others, who may take all for granted.
    """
    for name in (COMPILER, KERNELS):
        if isinstance(sys.modules.get(name), Deferred):
            del sys.modules[name]
    found = importlib.import_module("torch")
    importlib.import_module(KERNELS)
    return found
