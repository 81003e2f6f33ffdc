"""NumPy arrays and torch tensors as nodes: dtype, shape, strides and raw bytes; dtypes and generator states besides.

Only encodes for libraries that are loaded already, so that a course without torch never pays for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from math import prod
from typing import Any

from grader.wire.layout import collapse, contiguous, rebuildable

MAX_ELEMENTS = 16 << 20
MAX_DIMS = 16
TAGS = frozenset({"tensor", "array", "scalar", "torch_dtype", "dtype", "dtype_class", "torch_rng", "numpy_rng"})

TORCH_DTYPES = (
    "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128 float8_e4m3fn float8_e5m2"
).split()
NUMPY_DTYPES = "?  b B h H i I l L q Q e f d F D".split()


def encode(value: object) -> list[Any] | None:
    """The node of an array, a dtype or a generator; None where `value` is none of them."""
    np: Any = sys.modules.get("numpy")
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        if isinstance(value, torch.Tensor):
            return _tensor(value, torch)
        if isinstance(value, torch.dtype):
            return ["torch_dtype", str(value).removeprefix("torch.")]
        if isinstance(value, torch.Generator):
            return ["torch_rng", value.get_state().numpy().tobytes()]
    if np is not None:
        if isinstance(value, np.ndarray):
            return _array(value, np)
        if isinstance(value, np.generic):
            plain = np.asarray(value)
            return ["scalar", _dtype_char(plain.dtype), plain.tobytes()] if plain.dtype.char in NUMPY_DTYPES else None
        if isinstance(value, np.dtype) and value.char in NUMPY_DTYPES:
            return ["dtype", value.char]
        if isinstance(value, type) and issubclass(value, np.generic) and np.dtype(value).char in NUMPY_DTYPES:
            return ["dtype_class", np.dtype(value).char]
        if isinstance(value, np.random.Generator) and type(value.bit_generator) is np.random.PCG64:
            state = value.bit_generator.state
            big = [state["state"][key].to_bytes(16, "big") for key in ("state", "inc")]
            return ["numpy_rng", *big, int(state["has_uint32"]), int(state["uinteger"])]
    return None


def decode(tag: str, fields: list[Any]) -> Any:
    """The value of a node. Raises ValueError, TypeError or KeyError where it is malformed."""
    return _DECODERS[tag](*fields)


def _tensor(value: Any, torch: Any) -> list[Any] | None:
    # Base-class methods, and under no dispatch of a learner's subclass.
    with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
        name = str(value.dtype).removeprefix("torch.")
        if name not in TORCH_DTYPES or value.layout is not torch.strided or value.device.type != "cpu":
            return None
        whole = torch.Tensor.as_subclass(value, torch.Tensor)
        shape = list(whole.shape)
        _bounded(shape)
        plain = whole.detach().resolve_conj().resolve_neg()
        strides = list(plain.stride())
        if not rebuildable(shape, strides):
            plain = plain.contiguous()
            strides = contiguous(shape)
        for axis, size in enumerate(collapse(shape, strides)):
            plain = plain.narrow(axis, 0, size)
        # as_strided, not reshape: a single element of an expanded tensor keeps the stride 0 and then has no bytes to view.
        flat = plain.contiguous().as_strided((plain.numel(),), (1,))
        raw = flat.view(torch.uint8).numpy().tobytes()
    return ["tensor", name, shape, strides, bool(whole.requires_grad), raw]


def _decode_tensor(name: str, shape: list[int], strides: list[int], requires_grad: bool, raw: bytes) -> Any:
    import torch

    if name not in TORCH_DTYPES:
        raise ValueError("unknown dtype")
    dtype = getattr(torch, name)
    small = _checked(shape, strides, dtype.itemsize, raw)
    if min(strides, default=0) < 0 or type(requires_grad) is not bool:
        raise ValueError("negative strides")
    if raw and name == "bool" and not set(raw) <= {0, 1}:
        raise ValueError("a bool that is neither 0 nor 1")
    flat = torch.frombuffer(bytearray(raw), dtype=dtype) if raw else torch.empty(0, dtype=dtype)
    tensor = flat.reshape(small)
    if list(strides) != contiguous(shape):
        home = torch.empty_strided(small, strides, dtype=dtype)
        tensor = home.copy_(tensor)
    if small != tuple(shape):
        tensor = tensor.expand(shape)
    if requires_grad and (dtype.is_floating_point or dtype.is_complex):
        tensor.requires_grad_()
    return tensor


def _array(value: Any, np: Any) -> list[Any] | None:
    plain = np.asarray(value).view(np.ndarray)
    if plain.dtype.char not in NUMPY_DTYPES:
        return None
    _bounded(list(plain.shape))
    item = plain.dtype.itemsize
    if not plain.dtype.isnative:
        plain = plain.astype(plain.dtype.newbyteorder("="))
    steps = [step // item for step in plain.strides]
    if any(step % item for step in plain.strides) or not rebuildable(plain.shape, steps):
        plain = np.ascontiguousarray(plain).reshape(plain.shape)
        steps = contiguous(plain.shape)
    small = collapse(plain.shape, steps)
    plain = plain[tuple(slice(0, size) for size in small)]
    return ["array", _dtype_char(plain.dtype), list(value.shape), steps, plain.tobytes()]


def _decode_array(char: str, shape: list[int], strides: list[int], raw: bytes) -> Any:
    import numpy as np

    if char not in NUMPY_DTYPES:
        raise ValueError("unknown dtype")
    dtype = np.dtype(char)
    small = _checked(shape, strides, dtype.itemsize, raw)
    if raw and char == "?" and not set(raw) <= {0, 1}:
        raise ValueError("a bool that is neither 0 nor 1")
    array = np.frombuffer(bytearray(raw), dtype=dtype).reshape(small)
    if list(strides) != contiguous(shape):
        steps = [abs(step) for step in strides]
        extent = 1 + sum((size - 1) * step for size, step in zip(small, steps, strict=True)) if prod(small) else 0
        home = np.lib.stride_tricks.as_strided(
            np.zeros(extent, dtype), small, [step * dtype.itemsize for step in steps]
        )
        home = home[tuple(slice(None, None, -1) if step < 0 else slice(None) for step in strides)]
        home[...] = array
        array = home
    return np.broadcast_to(array, shape) if small != tuple(shape) else array


def _decode_scalar(char: str, raw: bytes) -> Any:
    return _decode_array(char, [], [], raw)[()]


def _checked(shape: Any, strides: Any, itemsize: int, raw: Any) -> tuple[int, ...]:
    """The collapsed shape, once shape, strides and the length of `raw` agree with one another and with the bounds."""
    if type(shape) is not list or type(strides) is not list or type(raw) is not bytes:
        raise TypeError("shape, strides and bytes")
    if len(shape) != len(strides) or not all(type(part) is int for part in (*shape, *strides)):
        raise TypeError("shape and strides are lists of ints of one length")
    _bounded(shape)
    if not rebuildable(shape, strides):
        raise ValueError("strides that overlap")
    small = collapse(shape, strides)
    if prod(small) * itemsize != len(raw):
        raise ValueError("bytes that do not fill the shape")
    return small


def _bounded(shape: list[int]) -> None:
    if len(shape) > MAX_DIMS or min(shape, default=0) < 0:
        raise ValueError("a shape out of bounds")
    # The product of the sizes that are not 0: an empty axis must not hide an absurd one.
    if prod(size for size in shape if size) > MAX_ELEMENTS:
        raise ValueError(f"more than {MAX_ELEMENTS} elements")


def _dtype_char(dtype: Any) -> str:
    return str(dtype.char)


def _decode_torch_dtype(name: str) -> Any:
    import torch

    if name not in TORCH_DTYPES:
        raise ValueError("unknown dtype")
    return getattr(torch, name)


def _decode_dtype(char: str) -> Any:
    import numpy as np

    if char not in NUMPY_DTYPES:
        raise ValueError("unknown dtype")
    return np.dtype(char)


def _decode_torch_rng(raw: bytes) -> Any:
    import torch

    generator = torch.Generator()
    if type(raw) is not bytes or len(raw) != generator.get_state().numel():
        raise ValueError("a state of the wrong size")
    generator.set_state(torch.frombuffer(bytearray(raw), dtype=torch.uint8))
    return generator


def _decode_numpy_rng(state: bytes, inc: bytes, has: int, word: int) -> Any:
    import numpy as np

    if any(type(part) is not bytes or len(part) != 16 for part in (state, inc)):
        raise ValueError("a state of the wrong size")
    if has not in (0, 1) or type(word) is not int or not 0 <= word < 2**32:
        raise ValueError("a state out of bounds")
    bits = np.random.PCG64()
    words = {"state": int.from_bytes(state, "big"), "inc": int.from_bytes(inc, "big")}
    full: Any = {"bit_generator": "PCG64", "state": words, "has_uint32": has, "uinteger": word}
    bits.state = full
    return np.random.Generator(bits)


_DECODERS: dict[str, Callable[..., Any]] = {
    "tensor": _decode_tensor,
    "array": _decode_array,
    "scalar": _decode_scalar,
    "torch_dtype": _decode_torch_dtype,
    "dtype": _decode_dtype,
    "dtype_class": lambda char: _decode_dtype(char).type,
    "torch_rng": _decode_torch_rng,
    "numpy_rng": _decode_numpy_rng,
}
