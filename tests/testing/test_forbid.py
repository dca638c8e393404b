"""forbidden: what is seen under other names, and what is none of its business."""

import warnings
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Categorical

from grader.testing import Forbidden, forbidden

x = torch.randn(2, 4, 8)
target = torch.zeros(2, 8, dtype=torch.long)
alias = F.softmax


class Wrapped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)


class Normed(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.rms_norm(x, [8])


def normed(x: torch.Tensor) -> torch.Tensor:
    return torch.rms_norm(x, [8])


def normed_if_positive(x: torch.Tensor) -> torch.Tensor:
    if bool(x.square().sum() > 0):
        x = normed(x)
    return x


with warnings.catch_warnings():
    # TorchScript is deprecated, and still there
    warnings.simplefilter("ignore", DeprecationWarning)
    scripted, branching = torch.jit.script(normed), torch.jit.script(normed_if_positive)
    traced, traced_module = torch.jit.trace(normed, x), torch.jit.trace(Wrapped(), x)
    scripted_module = torch.jit.script(Normed())


def attend(module: nn.Module, *inputs: torch.Tensor, **options: bool) -> None:
    with torch.no_grad():
        module.eval()(*inputs, **options)


SEEN = {
    "a function": ("softmax", lambda: torch.softmax(x, -1)),
    "the one in functional": ("softmax", lambda: F.softmax(x, -1)),
    "the one in special": ("softmax", lambda: torch.special.softmax(x, -1)),
    "an alias": ("softmax", lambda: alias(x, -1)),
    "a partial": ("softmax", partial(F.softmax, x, -1)),
    "by getattr": ("softmax", lambda: getattr(torch, "soft" + "max")(x, -1)),
    "a method": ("softmax", lambda: x.softmax(-1)),
    "an unbound method": ("softmax", lambda: torch.Tensor.softmax(x, -1)),
    "a module": ("softmax", lambda: nn.Softmax(-1)(x)),
    "an operator": ("softmax", lambda: torch.ops.aten.softmax.int(x, -1)),
    "a private operator": ("softmax", lambda: torch.ops.aten._softmax(x, -1, False)),
    "under vmap": ("softmax", lambda: torch.vmap(lambda row: row.softmax(-1))(x)),
    "under grad": ("softmax", lambda: torch.func.grad(lambda y: y.softmax(-1)[0].sum())(x[0, 0])),
    "a layer": ("layer_norm", lambda: nn.LayerNorm(8)(x)),
    "a layer within a module": ("layer_norm", lambda: Wrapped()(x)),
    "a native function": ("layer_norm", lambda: torch.native_layer_norm(x, (8,), None, None, 0.1)),
    "a layer's operator": ("layer_norm", lambda: torch.ops.aten.layer_norm(x, (8,))),
    "in place": ("cumsum", lambda: x.clone().cumsum_(0)),
    "an operator in place": ("cumsum", lambda: torch.ops.aten.cumsum_(x.clone(), 0)),
    "into a tensor": ("cumsum", lambda: torch.cumsum(x, 0, out=torch.empty_like(x))),
    "an infix": ("matmul", lambda: x @ x.mT),
    "a loss": ("cross_entropy", lambda: nn.CrossEntropyLoss()(x, target)),
    "attention": ("scaled_dot_product_attention", lambda: F.scaled_dot_product_attention(x, x, x)),
    "attention in four dimensions": (
        "scaled_dot_product_attention", lambda: F.scaled_dot_product_attention(*[x[None]] * 3)),
    "attention by its operator": (
        "scaled_dot_product_attention",
        lambda: torch.ops.aten.scaled_dot_product_attention(x, x, x)),
    "attention by its parts": (
        "scaled_dot_product_attention",
        lambda: torch.ops.aten._scaled_dot_product_attention_math(x, x, x)),
    "attention by one of its kernels": (
        "scaled_dot_product_attention",
        lambda: torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(*[x[None]] * 3)),
    "attention in a module": (
        "scaled_dot_product_attention",
        lambda: attend(nn.MultiheadAttention(8, 2), x, x, x, need_weights=False)),
    "attention in an encoder": (
        "scaled_dot_product_attention", lambda: attend(nn.TransformerEncoderLayer(8, 2), x)),
    "attention in a module that returns its weights": (
        "scaled_dot_product_attention", lambda: attend(nn.MultiheadAttention(8, 2), x, x, x)),
    "attention in a module that trains": (
        "scaled_dot_product_attention", lambda: nn.MultiheadAttention(8, 2)(x, x, x)),
    "attention in a module's function": (
        "scaled_dot_product_attention",
        lambda: F.multi_head_attention_forward(
            x, x, x, 8, 2, x.new_ones(24, 8), None, None, None, False, 0.0, x.new_ones(8, 8), None
        )),
    "attention in a module's operator": (
        "scaled_dot_product_attention",
        lambda: torch._native_multi_head_attention(
            x, x, x, 8, 2, x.new_ones(24, 8), x.new_ones(24), x.new_ones(8, 8), x.new_ones(8))),
    "an overload": ("rms_norm", lambda: torch.ops.aten.rms_norm.default(x, (8,))),
    "an overload of a product": ("matmul", lambda: torch.ops.aten.matmul.default(x, x.mT)),
    "a fused operator": (
        "rms_norm", lambda: torch.ops.aten._fused_rms_norm(x, (8,), None, None)),
    "a loss in C": ("cross_entropy", lambda: torch._C._nn.cross_entropy_loss(x, target)),
    "a loss's operator": (
        "cross_entropy", lambda: torch.ops.aten.cross_entropy_loss.default(x, target)),
    "half of a loss": (
        "nll_loss", lambda: torch.ops.aten.nll_loss_forward(x[0], target[0, :4], None, 1, -100)),
    "half of a loss in a loss": ("nll_loss", lambda: nn.CrossEntropyLoss()(x, target)),
    "an operator that is looked up": (
        "rms_norm", lambda: torch._C._jit_get_operation("aten::rms_norm")[0](x, (8,))),
    "scripted": ("rms_norm", lambda: scripted(x)),
    "scripted, in a branch": ("rms_norm", lambda: branching(x)),
    "a scripted module": ("rms_norm", lambda: scripted_module(x)),
    "a scripted module's method": ("rms_norm", lambda: scripted_module.forward(x)),
    "traced": ("rms_norm", lambda: traced(x)),
    "a traced module": ("layer_norm", lambda: traced_module(x)),
    "compiled": ("rms_norm", lambda: torch.compile(nn.RMSNorm(8), backend="eager")(x)),
}  # fmt: skip


@pytest.mark.parametrize(("name", "call"), SEEN.values(), ids=SEEN)
def test_a_forbidden_function_is_seen(name: str, call):
    with forbidden("nothing", name) as seen, pytest.raises(Forbidden) as info:
        call()

    assert set(seen) == {name}
    assert info.value.headline == f"{name} is not allowed in this kata"
    # and it is forbidden only there
    call()


def softmax(x: torch.Tensor) -> torch.Tensor:
    """The attempt's own."""
    e = (x - x.amax(-1, keepdim=True)).exp()
    return e / e.sum(-1, keepdim=True)


class Softmax(nn.Module):
    def softmax(self, x: torch.Tensor) -> torch.Tensor:
        return softmax(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.softmax(x)


class softmax_function(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return softmax(x)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


softmax_function.__name__ = "softmax"

ALLOWED = {
    "a function of the same name": (["softmax"], lambda: softmax(x)),
    "a module and a method of the same name": (["softmax"], lambda: Softmax()(x)),
    "an autograd function of the same name": (
        ["softmax"], lambda: softmax_function.apply(x.clone().requires_grad_()).sum().backward()),
    "a name that begins alike": (["soft", "norm"], lambda: (x.softmax(-1), x.clone().normal_())),
    "a name that ends alike": (["softmax"], lambda: x.log_softmax(-1)),
    "another layer": (["layer_norm"], lambda: nn.RMSNorm(8)(x)),
    "smaller parts": (
        ["scaled_dot_product_attention"], lambda: (x @ x.mT / 8**0.5).softmax(-1) @ x),
    "sums when running sums are forbidden": (["cumsum"], lambda: (x.sum(0), x.cumprod(0))),
    "another loss": (["cross_entropy"], lambda: F.binary_cross_entropy_with_logits(x, x)),
    "scripted": (["softmax", "layer_norm"], lambda: (scripted(x), scripted_module(x))),
    "anything when nothing is": ([], lambda: x.softmax(-1)),
}  # fmt: skip


@pytest.mark.parametrize(("names", "call"), ALLOWED.values(), ids=ALLOWED)
def test_what_only_resembles_it_is_allowed(names: list[str], call):
    with forbidden(*names) as seen:
        call()

    assert seen == []


def test_it_is_seen_in_a_backward_pass():
    class Sneaky(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, gradient):
            return gradient.cumsum(0)

    y = Sneaky.apply(torch.ones(3, requires_grad=True)).sum()
    with forbidden("cumsum") as seen, pytest.raises(Forbidden):
        y.backward()

    assert "cumsum" in seen


@pytest.mark.parametrize(
    ("module", "use"),
    [
        ("torch.optim", lambda: torch.optim.SGD([x.clone().requires_grad_()], lr=1.0)),
        ("torch.optim", lambda: torch.optim.LBFGS([x.clone().requires_grad_()])),
        ("torch.distributions", lambda: Categorical(logits=x).entropy()),
        ("torch.distributions.categorical", lambda: Categorical(logits=x).entropy()),
    ],
)
def test_a_module_that_torch_has_loaded_is_seen_when_one_of_its_objects_is_made(module, use):
    with forbidden("softmax", module) as seen, pytest.raises(Forbidden, match=module):
        use()

    assert seen == [module]
    use()
    with forbidden("torch.nn.init"):
        use()


def test_an_attempt_that_catches_the_error_is_still_seen():
    with forbidden("cumsum") as seen:
        try:
            x.cumsum(0)
        except Exception:
            result = x * 1

    assert seen == ["cumsum"]
    assert result.equal(x)


def test_an_error_that_hides_the_forbidden_call_is_told_as_such():
    def interpret() -> None:
        try:
            x.cumsum(0)
        except Exception as error:
            raise RuntimeError("the interpreter failed") from error

    with pytest.raises(Forbidden) as info, forbidden("cumsum"):
        interpret()

    assert info.value.headline == "cumsum is not allowed in this kata"


def test_an_error_of_another_kind_passes_as_it_is():
    with pytest.raises(RuntimeError, match="size"), forbidden("cumsum"):
        x @ x


def test_scripts_run_as_usual_afterwards():
    with forbidden("rms_norm"):
        pass

    assert torch.equal(scripted(x), torch.rms_norm(x, (8,)))


def test_results_and_gradients_are_what_they_are_without_it():
    y = x.clone().requires_grad_()
    with forbidden("cumsum"):
        (y.exp() @ y.mT).sum().backward()
    z = x.clone().requires_grad_()
    (z.exp() @ z.mT).sum().backward()

    assert torch.equal(y.grad, z.grad)
