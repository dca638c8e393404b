"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from grader.testing import assert_close, assert_equal, assert_same_gradients

BOTH = pytest.mark.parametrize("pre_norm", [True, False], ids=["pre-ln", "post-ln"])


class Mix(nn.Module):
    """A sublayer that mixes tokens and channels, not linear."""

    def __init__(self, T, d_model):
        super().__init__()
        self.tokens = nn.Parameter(torch.randn(T, T, dtype=torch.float64) / T**0.5)
        self.channels = nn.Parameter(
            1.5 * torch.randn(d_model, d_model, dtype=torch.float64) / d_model**0.5
        )

    def forward(self, x):
        return (self.tokens @ x @ self.channels).tanh()


def build(source, L=3, T=4, d_model=6, *, pre_norm):
    """Blocks around fresh sublayers, whose norms are not what they start as."""
    module = source.ResidualBlocks(
        [Mix(T, d_model) for _ in range(L)], d_model, pre_norm=pre_norm
    ).double()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if not name.startswith("sublayers"):
                parameter.copy_(torch.randn_like(parameter) + name.endswith("weight"))
    return module


def norm(h, of):
    return F.layer_norm(h, (h.shape[-1],), of.weight, of.bias, 1e-5)


def streams(module, x, *, pre_norm):
    """The formula, on a module's own parameters: h_0 to h_(L-1), and the result."""
    kept = [x]
    for sublayer, of in zip(module.sublayers, module.norms, strict=True):
        h = kept[-1]
        kept.append(h + sublayer(norm(h, of)) if pre_norm else norm(h + sublayer(h), of))
    if pre_norm:
        kept[-1] = norm(kept[-1], module.final)
    return kept


class Formula(nn.Module):
    def __init__(self, of, *, pre_norm):
        super().__init__()
        self.sublayers, self.norms = of.sublayers, of.norms
        if pre_norm:
            self.final = of.final
        self.pre_norm = pre_norm

    def forward(self, x):
        return streams(self, x, pre_norm=self.pre_norm)[-1]


def draw(B=2, T=4, d_model=6):
    # a view that is not contiguous
    return (2 * torch.randn(T, B, d_model, dtype=torch.float64) + 0.5).transpose(0, 1)


def expected_norms(module, x, grad, *, pre_norm):
    *kept, result = streams(module, x.detach().requires_grad_(), pre_norm=pre_norm)
    found = torch.autograd.grad((result * grad).sum(), kept)
    return torch.stack([gradient.square().sum().sqrt() for gradient in found])


@pytest.mark.parametrize("L", [1, 2, 5], ids="{}-blocks".format)
def test_pre_ln_matches_the_formula(attempt, L):
    module, x = build(attempt, L, pre_norm=True), draw()
    expected = streams(module, x, pre_norm=True)[-1].detach()

    assert_close(module(x).detach(), expected)


@pytest.mark.parametrize("L", [1, 2, 5], ids="{}-blocks".format)
def test_post_ln_matches_the_formula(attempt, L):
    module, x = build(attempt, L, pre_norm=False), draw()
    expected = streams(module, x, pre_norm=False)[-1].detach()

    assert_close(module(x).detach(), expected)


@pytest.mark.parametrize("pre_norm", [True, False], ids=["pre-ln", "post-ln"])
def test_matches_a_case_worked_out_by_hand(attempt, pre_norm):
    class Constant(nn.Module):
        def forward(self, x):
            return torch.tensor([1.8, 0.0], dtype=torch.float64).expand_as(x)

    # two channels: a norm gives 1 and -1 in the order of size
    module = attempt.ResidualBlocks([Constant(), Constant()], 2, pre_norm=pre_norm).double()
    x = torch.tensor([[[0.0, 3.0]]], dtype=torch.float64)
    # pre: (3.6, 3) at the end; post: (1.8, 3) becomes (-1, 1), then (0.8, 1) does
    expected = torch.tensor([[[1.0, -1.0] if pre_norm else [-1.0, 1.0]]], dtype=torch.float64)

    assert_close(
        module(x).detach(),
        expected,
        rtol=0.0,
        atol=1e-3,
        why="eps of 1e-5 beside a variance of 0.01",
    )


@BOTH
def test_no_blocks_leave_x_or_its_norm(attempt, pre_norm):
    module, x = build(attempt, 0, pre_norm=pre_norm), draw()
    expected = norm(x, module.final).detach() if pre_norm else x.clone()

    assert_close(module(x).detach(), expected)


@BOTH
def test_each_block_has_a_norm_of_its_own(attempt, pre_norm):
    module = build(attempt, 3, pre_norm=pre_norm)
    shapes = {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}
    wanted = {}
    for i in range(3):
        wanted |= {f"sublayers.{i}.tokens": (4, 4), f"sublayers.{i}.channels": (6, 6)}
        wanted |= {f"norms.{i}.weight": (6,), f"norms.{i}.bias": (6,)}
    if pre_norm:
        wanted |= {"final.weight": (6,), "final.bias": (6,)}

    assert_equal(shapes, wanted, label="the parameters")


@BOTH
def test_each_sublayer_is_called_once(attempt, pre_norm):
    module, x = build(attempt, 3, pre_norm=pre_norm), draw()
    order = []
    for i, sublayer in enumerate(module.sublayers):
        sublayer.register_forward_hook(lambda *_, i=i: order.append(i))
    module(x)

    assert order == [0, 1, 2]


@BOTH
def test_gradients_match_the_formula(attempt, pre_norm):
    module, x = build(attempt, 3, pre_norm=pre_norm), draw()

    assert_same_gradients(module, Formula(module, pre_norm=pre_norm), x, names=("x",))


@BOTH
@pytest.mark.parametrize("L", [1, 2, 5], ids="{}-blocks".format)
def test_gradient_norms_match_autograd(attempt, pre_norm, L):
    module, x, grad = build(attempt, L, pre_norm=pre_norm), draw(), draw()
    expected = expected_norms(module, x, grad, pre_norm=pre_norm)

    assert_close(module.gradient_norms(x, grad), expected)


@BOTH
def test_measuring_no_blocks_gives_no_norms(attempt, pre_norm):
    result = build(attempt, 0, pre_norm=pre_norm).gradient_norms(draw(), draw())

    assert_equal(tuple(result.shape), (0,), label="the shape")
    assert_equal(result.dtype, torch.float64, label="the dtype")


@BOTH
@pytest.mark.parametrize("before", [True, False], ids=["some-before", "none-before"])
def test_measuring_leaves_gradients_alone(attempt, pre_norm, before):
    module = build(attempt, 3, pre_norm=pre_norm)
    x, grad = draw().requires_grad_(), draw().requires_grad_()
    named = {**dict(module.named_parameters()), "x": x, "grad": grad}
    for leaf in named.values():
        leaf.grad = torch.ones_like(leaf) if before else None
    module.gradient_norms(x, grad)

    for name, leaf in named.items():
        if before:
            assert_close(leaf.grad, torch.ones_like(leaf), label=f"the gradient of {name}")
        else:
            assert leaf.grad is None, f"{name} has a gradient after measuring"


@BOTH
@pytest.mark.parametrize("needed", [True, False], ids=["required", "not-required"])
def test_measuring_leaves_x_as_it_is(attempt, pre_norm, needed):
    module, x = build(attempt, 2, pre_norm=pre_norm), draw().requires_grad_(needed)
    module.gradient_norms(x, draw())

    assert x.requires_grad == needed, "whether x requires gradients changes by measuring"


@BOTH
def test_measuring_leaves_the_mode_of_each_part(attempt, pre_norm):
    module = build(attempt, 2, pre_norm=pre_norm)
    module.sublayers[1].eval()
    expected = {name: part.training for name, part in module.named_modules()}

    module.gradient_norms(draw(), draw())

    now = {name: part.training for name, part in module.named_modules()}
    assert_equal(now, expected, label="which parts are in training mode")


@BOTH
def test_norms_require_no_gradient(attempt, pre_norm):
    module = build(attempt, 3, pre_norm=pre_norm)

    result = module.gradient_norms(draw().requires_grad_(), draw())

    assert not result.requires_grad, "the norms require gradients, so they hold a graph"


@BOTH
def test_a_second_measurement_gives_the_same(attempt, pre_norm):
    module, x, grad = build(attempt, 3, pre_norm=pre_norm), draw(), draw()
    expected = expected_norms(module, x, grad, pre_norm=pre_norm)
    module.gradient_norms(x, grad)
    module.gradient_norms(grad, x)

    assert_close(module.gradient_norms(x, grad), expected)


@BOTH
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_keeps_the_dtype_of_x(attempt, pre_norm, dtype):
    module, x = build(attempt, 2, pre_norm=pre_norm).to(dtype), draw().to(dtype)

    assert module(x).dtype == dtype
    assert module.gradient_norms(x, x).dtype == dtype
