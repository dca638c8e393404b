"""State of the process that an attempt may change: put back before the next test."""

import os
import random
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy
import torch


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
        self._set_autocast, self._set_flush = torch.set_autocast_enabled, torch.set_flush_denormal
        self._set_numpy_errors, self._numpy_errors = numpy.seterr, numpy.geterr()
        self._chdir, self._makedirs, self._interval = os.chdir, os.makedirs, signal.setitimer
        self._signals = {
            number: signal.getsignal(number)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGXCPU)
        }

    def restore(self, seed: int) -> None:
        if dict(os.environ) != self._environment:
            os.environ.clear()
            os.environ.update(self._environment)
        with suppress(OSError):
            # an attempt may have removed it
            self._makedirs(self._folder, exist_ok=True)
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
        self._set_flush(False)
        for device in ("cpu", "cuda"):
            self._set_autocast(device, False)
        self._set_numpy_errors(**self._numpy_errors)
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
        if getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None) is not None:
            # a mode as well, which puts itself below all others
            torch.set_default_device(None)
        while torch._C._len_torch_function_stack() > self._function:
            torch._C._pop_torch_function_stack()
        while torch._C._len_torch_dispatch_stack() > self._dispatch:
            torch._C._pop_torch_dispatch_stack(None)
