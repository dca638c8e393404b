"""Properties that tie several calls of the attempt together.

They need no other answer to compare with, and say what an oracle does not: which row,
chunk or distance makes the difference. Zeros, one value everywhere and the input itself
have most of these properties as well, so such results are refused first.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

from grader.testing.compare import assert_close
from grader.testing.words import Mismatch


def assert_batch_rows_independent(
    function: Callable[..., Any],
    *args: Any,
    batched: Sequence[int] | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    why: str | None = None,
    **kwargs: Any,
) -> None:
    """Each row of a batch gives what it gives alone.

    Args:
        function: The batch is the first axis of every tensor in its result.
        args, kwargs: Its arguments, with two rows or more.
        batched: The places of the positional arguments whose first axis is the batch; all
            tensors if omitted.

    Raises:
        Mismatch: Names the row.
    """
    tensors = [i for i, arg in enumerate(args) if isinstance(arg, Tensor)]
    places = tensors if batched is None else batched
    B = len(args[places[0]])
    if B < 2:
        raise ValueError("a batch of one row shows nothing: give two or more")

    whole = _kept(function(*args, **kwargs))
    _refuse_degenerate(whole, args)
    for row in range(B):
        own = itemgetter(slice(row, row + 1))
        rows = [own(arg) if i in places else arg for i, arg in enumerate(args)]
        alone, within = _kept(function(*rows, **kwargs)), _each(own, whole)
        label = f"row {row} in the batch"
        with _saying(f"row {row} of the batch depends on the others: alone, its result is another"):
            assert_close(within, alone, rtol=rtol, atol=atol, why=why, label=label)


def assert_padding_changes_nothing(
    function: Callable[..., Any],
    *args: Any,
    real: Tensor,
    padded: Sequence[int],
    fill: Iterable[float],
    expected: object = None,
    rtol: float | None = None,
    atol: float | None = None,
    why: str | None = None,
    **kwargs: Any,
) -> None:
    """What stands in padding has no effect.

    Args:
        function: Where the first axes of its result are those of `real`, what lies at
            padding is not looked at.
        args, kwargs: Its arguments, among them the mask or the lengths.
        real: Boolean, False where there is padding. Broadcasts to each padded argument,
            with axes added at its end.
        padded: The places of the positional arguments that hold padding.
        fill: What to put there, one after the other.
        expected: What the result should be; what it is for the arguments as they are, if
            omitted.

    Raises:
        Mismatch: Names what stood in the padding.
    """
    if expected is None:
        expected = _kept(function(*args, **kwargs))
        _refuse_degenerate(expected, args)

    def of_real(x: Tensor) -> Tensor:
        return x[real] if x.shape[: real.dim()] == real.shape else x

    for value in fill:
        filled = list(args)
        for i in padded:
            trailing = [1] * (filled[i].dim() - real.dim())
            filled[i] = filled[i].masked_fill(~real.view(*real.shape, *trailing), value)
        got, wanted = _each(of_real, function(*filled, **kwargs)), _each(of_real, expected)
        with _saying(f"padding has an effect: with {value:g} in it, the result is another"):
            assert_close(got, wanted, rtol=rtol, atol=atol, why=why)


def assert_chunks_agree(
    function: Callable[[int], Any],
    sizes: Sequence[int],
    *,
    expected: object = None,
    rtol: float | None = None,
    atol: float | None = None,
    why: str | None = None,
) -> None:
    """The size of chunks, blocks or tiles does not change the result.

    Args:
        function: From a size to the result.
        sizes: One of them at least should not divide the length.
        expected: What the result should be; what the largest size gives, if omitted.

    Raises:
        Mismatch: Names the size.
    """
    right = "what it should be"
    if expected is None:
        expected, right = _kept(function(max(sizes))), f"that with chunks of {max(sizes)}"
        _refuse_degenerate(expected, ())
    for size in sizes:
        result = function(size)
        with _saying(f"with chunks of {size} the result differs from {right}"):
            assert_close(result, expected, rtol=rtol, atol=atol, why=why)


def assert_cache_equals_full(
    step: Callable[[Tensor, Any], tuple[Tensor, Any]],
    x: Tensor,
    *,
    pieces: Sequence[int],
    dim: int = 1,
    expected: Tensor | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    why: str | None = None,
) -> None:
    """Fed in pieces, each with the cache of those before, a sequence gives what it gives at once.

    Args:
        step: From a piece and a cache, None at first, to the output and the next cache.
        x: The whole sequence.
        pieces: How many tokens each piece has.
        dim: The axis of tokens, in x and in the output.
        expected: The output for all of x; what step gives for it at once, if omitted.

    Raises:
        Mismatch: Names the tokens, and how many were in the cache.
    """
    if sum(pieces) != x.size(dim):
        raise ValueError(f"pieces of {sum(pieces)} tokens in all, for {x.size(dim)}")
    if expected is None:
        expected = _kept(step(x, None)[0])
        _refuse_degenerate(expected, (x,))

    done, cache = 0, None
    for length in pieces:
        out, cache = step(x.narrow(dim, done, length), cache)
        wanted = expected.narrow(dim, done, length)
        tokens = f"token {done}" if length == 1 else f"tokens {done} to {done + length - 1}"
        with _saying(f"the output for {tokens}, fed after {done} others, differs from one pass"):
            assert_close(out, wanted, rtol=rtol, atol=atol, why=why, label="output")
        done += length


def assert_relative_shift(
    score: Callable[[int, int], Tensor],
    m: int,
    n: int,
    *,
    shifts: Sequence[int],
    expected: Tensor | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    why: str | None = None,
) -> None:
    """A score depends on how far apart two positions are, not on where, as with RoPE.

    Args:
        score: Of a query at one position and a key at another.
        m, n: The two positions.
        shifts: By how much both are moved, one after the other.
        expected: The score for m and n; what it is, if omitted.

    Raises:
        Mismatch: Names the positions.
    """
    base = _kept(score(m, n))
    _refuse_degenerate(base, ())
    if expected is not None:
        label = f"the score of positions {m} and {n}"
        assert_close(base, expected, rtol=rtol, atol=atol, why=why, label=label)
    for shift in shifts:
        moved = score(m + shift, n + shift)
        pair = f"positions {m + shift} and {n + shift}"
        with _saying(f"{pair} score otherwise than {m} and {n}: only their distance may count"):
            assert_close(moved, base, rtol=rtol, atol=atol, why=why, label="score")
    if torch.equal(score(m, n + 1), base):
        raise Mismatch(
            f"positions {m} and {n + 1} score as {m} and {n} do: their distance does not count"
        )


@contextmanager
def _saying(headline: str) -> Iterator[None]:
    try:
        yield
    except Mismatch as mismatch:
        raise Mismatch(headline, mismatch.headline, *mismatch.facts) from None


def _each(function: Callable[[Tensor], Tensor], value: Any) -> Any:
    return tree_map_only(Tensor, function, value)


def _kept(value: Any) -> Any:
    """A copy: a later call may write into what an earlier one returned."""
    return _each(lambda x: x.detach().clone(), value)


def _refuse_degenerate(result: Any, given: Sequence[Any]) -> None:
    """Raise if a result is so plain that it has the property whatever was computed."""
    if all(leaf is None for leaf in tree_leaves(result)):
        raise Mismatch("the result is None: return it")
    leaves = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor) and leaf.numel() > 1]
    same = [bool((leaf == leaf.flatten()[0]).all()) for leaf in leaves]
    if leaves and all(same):
        # no minus before a zero
        value = leaves[0].flatten()[0].item() + 0
        raise Mismatch(f"every value of the result is {value:g}, whatever goes in")
    inputs = [x for x in tree_leaves(list(given)) if isinstance(x, Tensor)]
    copied = [any(torch.equal(x, leaf) for x in inputs) for leaf in leaves]
    if leaves and all(map(max, same, copied)):
        raise Mismatch("the result is the input itself: nothing was computed")
