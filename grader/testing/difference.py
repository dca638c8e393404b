"""How far two tensors may be apart, and in words how far they are."""

import math
from types import MappingProxyType

import numpy
import torch
from torch import Tensor

from grader.testing.words import Mismatch, place, versus

# torch.testing.assert_close's defaults: dtype -> (rtol, atol); every other dtype is exact
TOLERANCES = MappingProxyType(
    {
        torch.float16: (1e-3, 1e-5),
        torch.bfloat16: (1.6e-2, 1e-5),
        torch.float32: (1.3e-6, 1e-5),
        torch.float64: (1e-7, 1e-7),
        torch.complex64: (1.3e-6, 1e-5),
        torch.complex128: (1e-7, 1e-7),
    }
)


class Tolerance:
    """A dtype's own tolerance, or one for all with its reason."""

    __slots__ = ("atol", "rtol", "why")

    def __init__(self, rtol: float | None, atol: float | None, why: str | None) -> None:
        self.rtol, self.atol, self.why = rtol, atol, why

    def of(self, dtype: torch.dtype) -> tuple[float, float]:
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        return TOLERANCES.get(dtype, (0.0, 0.0))

    def __str__(self) -> str:
        return f" (tolerance {self.rtol:g} relative, {self.atol:g} absolute: {self.why})"


def difference(
    actual: Tensor,
    expected: Tensor,
    rtol: float,
    atol: float,
    tolerance: Tolerance,
    label: str,
) -> Mismatch:
    """Say in words how two tensors of one shape and dtype differ."""
    wrong = ~torch.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=True)
    count, total = int(wrong.sum()), wrong.numel()
    suffix = str(tolerance) if tolerance.why else ""
    if wrong.dim() == 0:
        return Mismatch(f"{label} is wrong: {versus(expected, actual)}{suffix}")
    first = tuple(wrong.nonzero()[0].tolist())
    facts = [f"first at {place(first)}: {versus(expected[first], actual[first])}"]

    floating = expected.is_floating_point() or expected.is_complex()
    nan = actual.isnan() & ~expected.isnan() if floating else torch.zeros_like(wrong)
    if nan.any():
        where = place(tuple(nan.nonzero()[0].tolist()))
        share = "all" if bool(nan.all()) else f"{int(nan.sum())} of {total}"
        return Mismatch(f"{label} is NaN at {where}: {share} values are NaN", *facts)

    headline = f"{label} differs in {count} of {total} values{suffix}"
    if not floating:
        return Mismatch(headline, *facts)
    kind = torch.complex128 if expected.is_complex() else torch.float64
    got, want = actual.to(kind), expected.to(kind)
    error = (got - want).abs().nan_to_num(nan=math.inf, posinf=math.inf)
    error[~wrong] = 0
    facts.append(f"largest absolute error {error.max():.3g} at {place(_argmax(error))}")
    # relative to zero or to infinity, an error has no size
    relative = torch.where((want == 0) | want.isinf(), 0, error / want.abs())
    relative = relative.nan_to_num(nan=0, posinf=math.inf)
    if relative.any():
        facts.append(f"largest relative error {relative.max():.3g} at {place(_argmax(relative))}")
    return Mismatch(headline, *facts)


def _argmax(values: Tensor) -> tuple[int, ...]:
    index = numpy.unravel_index(int(values.argmax()), tuple(values.shape))
    return tuple(int(i) for i in index)
