"""What a suite asks of torch on the other side: vector-Jacobian products, and a module's parameters by value."""

from __future__ import annotations

from typing import Any


def vjp(target: Any, args: list[Any], kwargs: dict[str, Any], cotangent: Any, wrt: list[Any]) -> list[Any]:
    """Call `target` and pull `cotangent` back to the inputs named in `wrt`.

    Args:
        cotangent: a tensor like the output, or a list of them where the output is a tuple.
        wrt: positions of positional arguments (int), or names of `target`'s own parameters (str).

    Returns:
        `[output, [gradient or None, ...]]`; None where the output does not depend on that input through autograd.
    """
    import torch

    args = [_leaf(arg) if i in wrt else arg for i, arg in enumerate(args)]
    named = dict(target.named_parameters()) if any(isinstance(key, str) for key in wrt) else {}
    inputs = [args[key] if isinstance(key, int) else named[key] for key in wrt]
    output = target(*args, **kwargs)
    outputs = list(output) if isinstance(output, tuple | list) else [output]
    cotangents = list(cotangent) if isinstance(cotangent, tuple | list) else [cotangent]
    for item in outputs:
        if not isinstance(item, torch.Tensor):
            raise TypeError(f"expected a tensor to be returned, got {type(item).__name__}")
    if len(outputs) != len(cotangents):
        plural = "" if len(cotangents) == 1 else "s"
        raise ValueError(f"expected {len(cotangents)} output{plural}, got {len(outputs)}")
    connected = [(out, cot) for out, cot in zip(outputs, cotangents, strict=True) if out.requires_grad]
    reached = [i for i, leaf in enumerate(inputs) if leaf.requires_grad]
    grads: list[Any] = [None] * len(inputs)
    if connected and reached:
        for out, cot in connected:
            if out.shape != cot.shape:
                raise ValueError(f"expected an output of shape {tuple(cot.shape)}, got {tuple(out.shape)}")
        found = torch.autograd.grad(
            [out for out, _ in connected],
            [inputs[i] for i in reached],
            [cot.to(out.dtype) for out, cot in connected],
            allow_unused=True,
        )
        for i, grad in zip(reached, found, strict=True):
            grads[i] = grad
    detached = [out.detach() for out in outputs]
    return [tuple(detached) if isinstance(output, tuple | list) else detached[0], grads]


def _leaf(tensor: Any) -> Any:
    return tensor.detach().clone().requires_grad_()


def parameters(module: Any) -> dict[str, Any]:
    """Named parameters by value, `requires_grad` kept."""
    return {
        name: value.detach().clone().requires_grad_(value.requires_grad) for name, value in module.named_parameters()
    }


def state(module: Any) -> dict[str, Any]:
    """Parameters and persistent buffers by value."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def load(module: Any, values: dict[str, Any]) -> None:
    """Copy `values` into the parameters and buffers of those names, in place. Raises on another shape."""
    import torch

    own = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    with torch.no_grad():
        for name, value in values.items():
            if name not in own:
                raise AttributeError(
                    f"there is no parameter or buffer named {name}; there are {', '.join(own) or 'none'}"
                )
            if own[name].shape != value.shape:
                raise ValueError(f"{name} has the shape {tuple(own[name].shape)}, expected {tuple(value.shape)}")
            own[name].copy_(value)
