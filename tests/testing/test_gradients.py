"""gradients and assert_same_gradients: right values with wrong gradients are wrong."""

import pytest
import torch
from torch import Tensor, nn

from grader.testing import Mismatch, assert_same_gradients, gradients


def product(x: Tensor, y: Tensor, *, scale: float = 1.0) -> Tensor:
    return x * y * scale


class Backwards(torch.autograd.Function):
    """A product whose backward pass has the two the wrong way round."""

    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx, gradient):
        x, y = ctx.saved_tensors
        return gradient * x, gradient * y


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2


@pytest.fixture
def x() -> Tensor:
    return torch.randn(3, 4, dtype=torch.float64)


@pytest.fixture
def y() -> Tensor:
    return torch.randn(3, 4, dtype=torch.float64)


@pytest.mark.parametrize(
    "written",
    [
        lambda x, y, scale=1.0: scale * y * x,
        lambda x, y, scale=1.0: torch.stack([a * b * scale for a, b in zip(x, y, strict=True)]),
        lambda x, y, scale=1.0: torch.einsum("ij,ij->ij", x, y) * scale,
        lambda a, b, scale=1.0: ((a + b) ** 2 - (a - b) ** 2) / 4 * scale,
    ],
    ids=["reordered", "loops", "einsum", "another formula"],
)
def test_the_same_function_written_otherwise_passes(x, y, written):
    assert_same_gradients(written, product, x, y)
    assert_same_gradients(written, product, x, y, scale=0.3)


WRONG = {
    "detached": (lambda x, y: x.detach() * y, "no gradient reaches x: the result is cut off"),
    "the data of an input": (lambda x, y: x * y.data, "no gradient reaches y: the result is cut"),
    "a new tensor": (
        lambda x, y: torch.tensor((x * y).tolist(), dtype=x.dtype),
        "the result is cut off from its inputs: no gradient flows back",
    ),
    "no_grad": (torch.no_grad()(product), "the result is cut off from its inputs"),
    "a wrong gradient": (Backwards.apply, "the gradient of x differs in 12 of 12 values"),
    "twice the gradient": (
        lambda x, y: x * Doubled.apply(y),
        "the gradient of y differs in 12 of 12 values",
    ),
    "a wrong value with the right gradient": (
        lambda x, y: x * y + 1,
        "result differs in 12 of 12 values",
    ),
    "a gradient that is NaN": (
        lambda x, y: x * y + 0 * (x - x).sqrt(),
        "the gradient of x is NaN at [0, 0]",
    ),
    "two results": (lambda x, y: (x * y, x), "expected 1 result tensors, got 2"),
    "no result": (lambda x, y: None, "expected 1 result tensors, got 0"),
    "another dtype": (lambda x, y: (x * y).float(), "result has the wrong dtype"),
}


@pytest.mark.parametrize(("wrong", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_gradient_is_named(words, x, y, wrong, said: str):
    assert words(assert_same_gradients, wrong, product, x, y).startswith(said)


def test_names_can_be_given_and_come_from_the_right_function_otherwise(words, x, y):
    def wrong(a: Tensor, b: Tensor) -> Tensor:
        return a.detach() * b

    assert "reaches x:" in words(assert_same_gradients, wrong, product, x, y)
    assert "reaches p:" in words(assert_same_gradients, wrong, product, x, y, names=("p", "q"))
    variadic = words(assert_same_gradients, wrong, lambda *xs: xs[0] * xs[1], x, y, names=("p",))
    assert "reaches p:" in variadic


def test_keywords_are_inputs_as_well(words, x, y):
    assert_same_gradients(product, product, x=x, y=y)
    said = words(assert_same_gradients, lambda x, y: x * y.detach(), product, x, y=y)
    assert said.startswith("no gradient reaches y:")


def test_an_input_that_is_not_used_may_have_no_gradient_or_zeros(x, y):
    def unused(x: Tensor, y: Tensor) -> Tensor:
        return x * 2

    def zeros(x: Tensor, y: Tensor) -> Tensor:
        return x * 2 + y * 0

    for actual in (unused, zeros):
        for expected in (unused, zeros):
            assert_same_gradients(actual, expected, x, y)
    with pytest.raises(Mismatch, match="the gradient of y differs"):
        assert_same_gradients(lambda x, y: x * 2 + (y - y.detach()), unused, x, y)


def test_whole_numbers_have_no_gradient_and_are_passed_on():
    table = torch.randn(5, 3, dtype=torch.float64)
    rows = torch.tensor([0, 2, 2])

    def look_up(table: Tensor, rows: Tensor) -> Tensor:
        return table[rows]

    found = gradients(look_up, table, rows)
    assert list(found.inputs) == ["table"]
    assert_same_gradients(
        lambda t, r: nn.functional.one_hot(r, 5).double() @ t, look_up, table, rows
    )
    # a row that was read twice has both gradients
    with pytest.raises(Mismatch, match="the gradient of table differs"):
        assert_same_gradients(lambda t, r: torch.cat([t[:1], t[2:3], t[2:3].detach()]), look_up,
                              table, rows)  # fmt: skip


def test_results_in_lists_and_dicts_are_compared_in_their_order(words, x, y):
    def pair(x: Tensor, y: Tensor) -> object:
        return {"product": x * y, "rest": [x.argmax(), (x + y,)]}

    assert_same_gradients(pair, pair, x, y)
    said = words(assert_same_gradients, lambda x, y: (x * y, x - y), pair, x, y)
    assert said.startswith("result[1] differs")


def test_a_result_of_several_may_be_cut_off_alone(words, x, y):
    said = words(
        assert_same_gradients,
        lambda x, y: ((x * y).detach(), x + y),
        lambda x, y: (x * y, x + y),
        x,
        y,
    )

    assert said.startswith("the gradient of x differs")


class Linear(nn.Module):
    def __init__(self, weight: Tensor, *, frozen: bool = False, detached: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.clone(), requires_grad=not frozen)
        self.bias = nn.Parameter(torch.ones(weight.shape[1], dtype=weight.dtype))
        self.detached = detached

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.detach() if self.detached else self.weight
        return x @ weight + self.bias


def test_the_parameters_of_a_module_are_inputs(words, x):
    weight = torch.randn(4, 2, dtype=torch.float64)

    assert set(gradients(Linear(weight), x).inputs) == {"x", "weight", "bias"}
    assert_same_gradients(Linear(weight), Linear(weight), x)
    said = words(assert_same_gradients, Linear(weight, detached=True), Linear(weight), x)
    assert said.startswith("no gradient reaches weight:")


def test_a_frozen_parameter_has_no_gradient(words, x):
    weight = torch.randn(4, 2, dtype=torch.float64)

    assert_same_gradients(Linear(weight, frozen=True), Linear(weight, frozen=True), x)
    said = words(assert_same_gradients, Linear(weight, frozen=True), Linear(weight), x)
    assert said.startswith("no gradient reaches weight:")


def test_the_callers_tensors_and_parameters_are_left_as_they_were(x, y):
    x.requires_grad_()
    module = Linear(torch.randn(4, 2, dtype=torch.float64))
    assert_same_gradients(product, product, x, y)
    assert_same_gradients(module, module, x)

    assert x.grad is None
    assert not y.requires_grad
    assert module.weight.grad is None


def test_cotangents_can_be_given(x, y):
    found = gradients(product, x, y, cotangents=[torch.ones_like(x)])

    assert torch.equal(found.inputs["x"], y)
    assert torch.equal(found.inputs["y"], x)
    assert torch.equal(found.outputs[0], x * y)


def test_half_precision_gradients_keep_their_dtype(x, y):
    found = gradients(product, x.half(), y.half())

    assert found.inputs["x"].dtype == torch.float16


def test_a_tolerance_for_gradients_carries_its_reason(x, y):
    def coarse(x: Tensor, y: Tensor) -> Tensor:
        return x * y * 1.001

    options = {"rtol": 0.01, "atol": 0.0, "why": "a coarse estimate"}
    assert_same_gradients(coarse, product, x, y, **options)
    with pytest.raises(Mismatch):
        assert_same_gradients(coarse, product, x, y)
    with pytest.raises(TypeError):
        assert_same_gradients(coarse, product, x, y, rtol=0.01)
