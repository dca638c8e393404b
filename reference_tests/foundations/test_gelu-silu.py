"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch
from torch.nn import functional

from grader.testing import assert_close, assert_same_gradients

SHAPES = pytest.mark.parametrize(
    "shape", [(7,), (3, 4, 5), (), (0, 4)], ids=["vector", "three-axes", "scalar", "empty"]
)
FORMS = ["exact", "tanh", "silu"]
HALVES = [
    pytest.param(torch.bfloat16, id="bfloat16"),
    pytest.param(torch.float16, id="float16"),
]


def draw(*shape, dtype=torch.float64):
    return (3 * torch.randn(shape, dtype=torch.float64)).to(dtype)


def form_of(module, name):
    """One of the three by name, from the attempt or from torch."""
    if name == "silu":
        return module.silu
    return lambda x: module.gelu(x, approximate="tanh" if name == "tanh" else "none")


@SHAPES
def test_exact_gelu_matches_torch(attempt, shape):
    x = draw(*shape)
    expected = functional.gelu(x, approximate="none")

    assert_close(attempt.gelu(x, approximate="none"), expected)


@SHAPES
def test_tanh_gelu_matches_torch(attempt, shape):
    x = draw(*shape)
    expected = functional.gelu(x, approximate="tanh")

    assert_close(attempt.gelu(x, approximate="tanh"), expected)


@SHAPES
def test_silu_matches_torch(attempt, shape):
    x = draw(*shape)
    expected = functional.silu(x)

    assert_close(attempt.silu(x), expected)


def test_exact_gelu_is_the_default(attempt):
    x = draw(40)
    expected = functional.gelu(x, approximate="none")

    assert_close(attempt.gelu(x), expected)


@pytest.mark.parametrize(
    "name, at_one",
    [
        # Phi(1), and 1 / (1 + 1/e)
        ("exact", 0.8413447460685429),
        ("tanh", 0.8411919906082768),
        ("silu", 0.7310585786300049),
    ],
    ids=FORMS,
)
def test_values_at_plus_and_minus_one(attempt, name, at_one):
    x = torch.tensor([1.0, 0.0, -1.0], dtype=torch.float64)
    expected = torch.tensor([at_one, 0.0, at_one - 1], dtype=torch.float64)

    assert_close(form_of(attempt, name)(x), expected)


@pytest.mark.parametrize("beta", [0.3, 2.5, -1.5, 0.0])
def test_beta_scales_x_within_the_sigmoid(attempt, beta):
    x = draw(3, 5)

    # silu(beta x) = beta x sigmoid(beta x)
    expected = functional.silu(beta * x) / beta if beta else x / 2

    assert_close(attempt.silu(x, beta=beta), expected)


@pytest.mark.parametrize("name", FORMS)
def test_gradients_match_torch(attempt, name):
    x = torch.cat([draw(20), torch.zeros(1, dtype=torch.float64)])

    assert_same_gradients(form_of(attempt, name), form_of(functional, name), x, names=("x",))


def test_gradients_with_beta_match_autograd(attempt):
    assert_same_gradients(
        lambda x: attempt.silu(x, beta=-0.7),
        lambda x: x * torch.sigmoid(-0.7 * x),
        draw(3, 5),
        names=("x",),
    )


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_large_numbers_are_kept_or_dropped(attempt, name, dtype):
    x = torch.tensor([1e4, 300.0, 50.0, -50.0, -300.0, -1e4], dtype=dtype)
    expected = x.clamp(min=0)

    assert_close(form_of(attempt, name)(x), expected)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_gradients_of_large_numbers_are_finite(attempt, name, dtype):
    x = torch.tensor([1e4, 300.0, 50.0, -50.0, -300.0, -1e4], dtype=dtype)

    assert_same_gradients(form_of(attempt, name), torch.relu, x, names=("x",))


def test_accepts_transposed_numbers(attempt):
    x = draw(4, 5).t()
    expected = [form_of(functional, name)(x) for name in FORMS]

    assert_close([form_of(attempt, name)(x) for name in FORMS], expected)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_returns_the_dtype_of_x(attempt, name, dtype):
    x = draw(3, 4, dtype=dtype)

    assert form_of(attempt, name)(x).dtype == dtype


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_is_rounded_once(attempt, name, dtype):
    x = draw(16, 64, dtype=dtype)
    expected = form_of(functional, name)(x.double())

    got = form_of(attempt, name)(x)

    assert got.dtype == dtype
    assert_close(
        got.double(),
        expected,
        rtol={torch.bfloat16: 2**-8, torch.float16: 2**-11}[dtype] * 1.01,
        atol=2e-6,
        why="half a step between neighbouring values, and a float32 gate",
    )


@pytest.mark.parametrize("name", FORMS)
def test_float64_is_computed_in_float64(attempt, name):
    x = draw(50)
    expected = form_of(functional, name)(x)

    assert_close(
        form_of(attempt, name)(x),
        expected,
        rtol=1e-12,
        atol=1e-12,
        why="float64 has 16 digits",
    )


@pytest.mark.parametrize("approximate", ["erf", "Tanh", ""], ids=["erf", "capital", "nothing"])
def test_rejects_an_unknown_approximation(attempt, approximate):
    with pytest.raises(ValueError):
        attempt.gelu(draw(3), approximate=approximate)
