"""What is asked of torch beside a plain call."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from grader.wire.gradients import load, parameters, state, vjp


def double(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return 2 * x + 0 * y.detach()


def test_vjp_pulls_the_cotangent_back() -> None:
    x, y, cotangent = torch.randn(3), torch.randn(3), torch.tensor([1.0, 2.0, 3.0])
    output, grads = vjp(lambda x, y: x * y, [x, y], {}, cotangent, [0, 1])
    assert torch.equal(output, x * y)
    assert not output.requires_grad
    assert torch.equal(grads[0], cotangent * y)
    assert torch.equal(grads[1], cotangent * x)


def test_vjp_leaves_the_inputs_alone() -> None:
    x = torch.ones(2)
    vjp(lambda x: x.mul_(1.0) if not x.is_leaf else x * 3, [x], {}, torch.ones(2), [0])
    assert not x.requires_grad
    assert x.grad is None


def test_vjp_says_none_where_nothing_depends() -> None:
    _, grads = vjp(double, [torch.ones(2), torch.ones(2)], {}, torch.ones(2), [1, 0])
    assert grads[0] is None
    assert torch.equal(grads[1], torch.full((2,), 2.0))


def test_vjp_of_a_constant_has_no_gradients() -> None:
    output, grads = vjp(lambda _: torch.zeros(2), [torch.ones(2)], {}, torch.ones(2), [0])
    assert torch.equal(output, torch.zeros(2))
    assert grads == [None]


def test_vjp_to_a_modules_own_parameters() -> None:
    layer = torch.nn.Linear(3, 2)
    layer.bias.requires_grad_(False)
    x = torch.randn(4, 3)
    _, (x_grad, weight, bias) = vjp(layer, [x], {}, torch.ones(4, 2), [0, "weight", "bias"])
    assert torch.allclose(x_grad, layer.weight.sum(0).expand(4, 3))
    assert torch.allclose(weight, x.sum(0).expand(2, 3))
    assert bias is None
    assert layer.weight.grad is None


def test_vjp_of_several_outputs_and_keywords() -> None:
    def both(x: torch.Tensor, *, k: float) -> tuple[torch.Tensor, torch.Tensor]:
        return k * x, x.sum()

    outputs, (grad,) = vjp(both, [torch.ones(3)], {"k": 3.0}, [torch.ones(3), torch.tensor(10.0)], [0])
    assert isinstance(outputs, tuple)
    assert torch.equal(grad, torch.full((3,), 13.0))


def test_vjp_takes_the_dtype_of_the_output() -> None:
    _, (grad,) = vjp(lambda x: x.double(), [torch.ones(2)], {}, torch.ones(2), [0])
    assert grad.dtype == torch.float32


@pytest.mark.parametrize(
    ("function", "error", "says"),
    [
        (lambda x: x.sum(), ValueError, r"expected an output of shape \(3,\), got \(\)"),
        (lambda x: x.detach().numpy(), TypeError, "expected a tensor to be returned, got ndarray"),
        (lambda _: None, TypeError, "expected a tensor to be returned, got NoneType"),
        (lambda x: (x, x), ValueError, "expected 1 output, got 2"),
    ],
)
def test_vjp_says_what_is_wrong_with_the_output(function: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        vjp(function, [torch.ones(3)], {}, torch.ones(3), [0])


def module() -> torch.nn.Module:
    layer = torch.nn.BatchNorm1d(2)
    layer.weight.requires_grad_(False)
    layer.register_buffer("scratch", torch.zeros(1), persistent=False)
    return layer


def test_parameters_are_copies_that_say_whether_they_train() -> None:
    layer = module()
    found = parameters(layer)
    assert list(found) == ["weight", "bias"]
    assert not found["weight"].requires_grad
    assert found["bias"].requires_grad
    with torch.no_grad():
        found["bias"].fill_(9.0)
    assert layer.bias.tolist() == [0.0, 0.0]


def test_state_has_persistent_buffers_too() -> None:
    found = state(module())
    assert set(found) == {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}
    assert not any(value.requires_grad for value in found.values())


def test_load_copies_in_place() -> None:
    layer = module()
    weight = layer.weight
    load(layer, {"weight": torch.tensor([2.0, 3.0]), "running_mean": torch.tensor([1.0, 1.0])})
    assert layer.weight is weight
    assert weight.tolist() == [2.0, 3.0]
    assert layer.running_mean.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("values", "error", "says"),
    [
        ({"nothing": torch.ones(2)}, AttributeError, "no parameter or buffer named nothing; there are weight, bias"),
        ({"weight": torch.ones(3)}, ValueError, r"weight has the shape \(2,\), expected \(3,\)"),
        ({"weight": torch.ones(1)}, ValueError, r"weight has the shape \(2,\), expected \(1,\)"),
    ],
)
def test_load_refuses_what_does_not_fit(values: dict[str, torch.Tensor], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        load(module(), values)


def test_load_says_where_there_are_none() -> None:
    with pytest.raises(AttributeError, match="there are none"):
        load(torch.nn.ReLU(), {"weight": torch.ones(1)})
