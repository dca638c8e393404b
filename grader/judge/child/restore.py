"""Puts back what an attempt replaced or changed, so that it has no effect on a verdict."""

import os
import random
import signal
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any

import numpy
import torch

# whose functions decide what a test says
MODULES = (
    "_pytest.outcomes", "_pytest.python_api", "_pytest.raises", "builtins", "collections", "copy",
    "functools", "inspect", "io", "itertools", "json", "linecache", "math", "numpy",
    "numpy.random", "operator", "os", "pickle", "pytest", "random", "re", "string", "struct",
    "sys", "time", "torch", "torch.autograd", "torch.autograd.functional", "torch.autograd.graph",
    "torch.distributed", "torch.linalg", "torch.nn", "torch.nn.functional", "torch.nn.init",
    "torch.nn.utils", "torch.random", "torch.special", "torch.testing", "torch.utils._pytree",
    "traceback", "types", "typing", "warnings",
)  # fmt: skip
CLASSES = (
    torch.Tensor,
    torch.nn.Module,
    torch.nn.Parameter,
    torch.Generator,
    torch.overrides.TorchFunctionMode,
    torch.utils._python_dispatch.TorchDispatchMode,
)
# what a program replaces for good reasons, and what changes by itself
LIVE = frozenset({"stdin", "stdout", "stderr", "last_value", "last_traceback", "_"})


class Namespaces:
    """The functions and classes of modules that matter, as they were before the attempt."""

    def __init__(self, extra: Iterable[types.ModuleType]) -> None:
        ours = [
            module for name, module in sys.modules.items() if name.partition(".")[0] == "grader"
        ]
        known = [sys.modules[name] for name in MODULES if name in sys.modules]
        modules = [module for module in [*known, *ours, *extra] if module]
        classes = [*CLASSES, *(v for m in ours for v in vars(m).values() if _own_class(v, m))]
        self._kept = [
            (vars(module), {k: v for k, v in vars(module).items() if _matters(k, v)})
            for module in modules
        ]
        self._classes = [(cls, dict(vars(cls))) for cls in classes]
        functions = {
            id(v): v
            for m in [*ours, *extra]
            for space in [vars(m), *(vars(v) for v in vars(m).values() if _own_class(v, m))]
            for v in space.values()
            if isinstance(v, types.FunctionType)
        }
        self._functions = [
            (function, function.__code__, function.__defaults__, function.__kwdefaults__)
            for function in functions.values()
        ]

    def restore(self) -> None:
        for space, kept in self._kept:
            for name, value in kept.items():
                # by identity: what was put there may claim to equal anything
                if space.get(name) is not value:
                    space[name] = value
        for cls, kept in self._classes:
            space = cls.__dict__
            for name, value in kept.items():
                if space.get(name) is not value and name not in ("__dict__", "__weakref__"):
                    type.__setattr__(cls, name, value)
        for function, code, defaults, kwdefaults in self._functions:
            if function.__code__ is not code:
                function.__code__ = code
            if function.__defaults__ is not defaults:
                function.__defaults__ = defaults
            if function.__kwdefaults__ is not kwdefaults:
                function.__kwdefaults__ = kwdefaults


def _own_class(value: object, module: types.ModuleType) -> bool:
    return isinstance(value, type) and value.__module__ == module.__name__


def _matters(name: str, value: object) -> bool:
    return name not in LIVE and (callable(value) or type(value) is types.ModuleType)


class Surroundings:
    """State of the process that one test must not hand to the next."""

    def __init__(self) -> None:
        self._environment = dict(os.environ)
        self._folder = os.getcwd()
        self._path = list(sys.path)
        self._recursion = sys.getrecursionlimit()
        self._dtype = torch.get_default_dtype()
        self._threads = torch.get_num_threads()
        self._precision = torch.get_float32_matmul_precision()
        self._streams = sys.stdout, sys.stderr
        # bound now, for an attempt may replace them
        self._seeds: list[Callable[[int], Any]] = [
            torch.default_generator.manual_seed,
            numpy.random.seed,
            random.seed,
        ]
        self._set_dtype = torch.set_default_dtype
        self._set_threads = torch.set_num_threads
        self._set_precision = torch.set_float32_matmul_precision
        self._set_grad = torch._C._set_grad_enabled
        self._set_deterministic = torch._C._set_deterministic_algorithms
        self._set_device = torch.set_default_device
        self._chdir, self._interval = os.chdir, signal.setitimer
        self._signals = {
            number: signal.getsignal(number)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGXCPU)
        }

    def restore(self, seed: int) -> None:
        if dict(os.environ) != self._environment:
            os.environ.clear()
            os.environ.update(self._environment)
        self._chdir(self._folder)
        sys.path[:] = self._path
        sys.setrecursionlimit(self._recursion)
        sys.stdout, sys.stderr = self._streams
        self._interval(signal.ITIMER_REAL, 0)
        for number, handler in self._signals.items():
            signal.signal(number, handler)
        self._set_dtype(self._dtype)
        if torch.get_num_threads() != self._threads:
            self._set_threads(self._threads)
        self._set_precision(self._precision)
        self._set_grad(True)
        self._set_deterministic(False, warn_only=False)
        if getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None) is not None:
            self._set_device(None)
        for reseed in self._seeds:
            reseed(seed)
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.manual_seed_all(seed)


class Modes:
    """The torch function and dispatch modes that were active before a call."""

    __slots__ = ("_dispatch", "_function")

    def __init__(self) -> None:
        self._function = torch._C._len_torch_function_stack()
        self._dispatch = torch._C._len_torch_dispatch_stack()

    def restore(self) -> None:
        """Take off those that the call left behind, which could lie in a comparison."""
        while torch._C._len_torch_function_stack() > self._function:
            torch._C._pop_torch_function_stack()
        while torch._C._len_torch_dispatch_stack() > self._dispatch:
            torch._C._pop_torch_dispatch_stack()
