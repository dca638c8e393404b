"""assert_keeps_dtype: the dtype that comes out is the one that went in."""

import pytest
import torch

from grader.testing import assert_keeps_dtype

x = torch.randn(3, 4)
GOOD = {
    "arithmetic": lambda x: x * 2 + 1,
    "computed wider": lambda x: x.double().softmax(-1).to(x.dtype),
    "with indices beside it": lambda x: x.sort(-1),
    "with a mask beside it": lambda x: {"out": x, "mask": x > 0, "n": 3},
}
BAD = {
    "left wider": lambda x: x.float(),
    "a factor of another dtype": lambda x: x * torch.ones(4),
    "one of two": lambda x: (x, x.double()),
}


@pytest.mark.parametrize("function", GOOD.values(), ids=GOOD)
def test_a_result_of_the_same_dtype_passes(function):
    assert_keeps_dtype(function, x)
    assert_keeps_dtype(function, x.double().T)


@pytest.mark.parametrize("function", BAD.values(), ids=BAD)
def test_a_result_of_another_dtype_is_caught(words, function):
    assert words(assert_keeps_dtype, function, x).startswith("the result is float")


def test_both_dtypes_are_named(words):
    said = words(assert_keeps_dtype, lambda x: x.float(), x)

    assert said == "the result is float32 where the inputs are float16"


def test_integers_are_left_as_they_are():
    def look_up(table: torch.Tensor, *, ids: torch.Tensor) -> torch.Tensor:
        assert ids.dtype == torch.int64
        return table[ids]

    assert_keeps_dtype(look_up, x, ids=torch.tensor([0, 2]))


def test_only_the_dtypes_that_are_asked_for_are_tried():
    seen = []
    assert_keeps_dtype(lambda x: seen.append(x.dtype) or x, x, dtypes=(torch.bfloat16,))

    assert seen == [torch.bfloat16]


def test_strides_are_kept():
    def strided(x: torch.Tensor) -> torch.Tensor:
        assert not x.is_contiguous()
        return x

    assert_keeps_dtype(strided, torch.randn(4, 3).T)


def test_a_result_without_floats_is_caught(words):
    said = words(assert_keeps_dtype, lambda x: x > 0, x)

    assert said == "the result holds no floating tensor: got a tensor of shape (3, 4), bool"
    assert "got None" in words(assert_keeps_dtype, lambda x: None, x)
