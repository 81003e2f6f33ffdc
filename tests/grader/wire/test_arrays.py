"""Arrays and tensors cross with dtype, shape, strides and every bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.wire.arrays import MAX_DIMS, MAX_ELEMENTS, NUMPY_DTYPES, TORCH_DTYPES
from grader.wire.values import WireError, decode, encode


def crossed(value: object) -> Any:
    return decode(encode(value))


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def any_tensor(dtype: torch.dtype, shape: tuple[int, ...]) -> torch.Tensor:
    """Every bit pattern may occur, but for bool, which has two."""
    count = int(np.prod(shape)) * dtype.itemsize
    raw = torch.from_numpy(np.random.default_rng(count).integers(0, 256, count, dtype=np.uint8))
    if dtype is torch.bool:
        raw = raw % 2
    return raw.view(dtype).reshape(shape) if count else torch.empty(shape, dtype=dtype)


@pytest.mark.parametrize("name", TORCH_DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,), (2, 0, 3), (1, 1)])
def test_tensors_of_every_dtype(name: str, shape: tuple[int, ...]) -> None:
    tensor = any_tensor(getattr(torch, name), shape)
    copy = crossed(tensor)
    assert type(copy) is torch.Tensor
    assert (copy.dtype, copy.shape, copy.stride()) == (tensor.dtype, tensor.shape, tensor.stride())
    assert bits(copy) == bits(tensor)
    assert not copy.requires_grad


TENSORS = {
    "transposed": torch.arange(6.0).reshape(2, 3).t(),
    "strided": torch.arange(12.0)[::3],
    "a column": torch.arange(12.0).reshape(3, 4)[:, 1],
    "channels last": torch.arange(48.0).reshape(2, 2, 3, 4).contiguous(memory_format=torch.channels_last),
    "expanded": torch.arange(3.0).expand(4, 3),
    "expanded inside": torch.arange(3.0).reshape(3, 1).expand(3, 5),
    "a scalar expanded": torch.tensor(2.0).expand(2, 2),
    "an odd stride on one": torch.empty_strided((1, 3), (7, 1)).fill_(1.0),
    "bool transposed": torch.tensor([[True, False, True], [False, False, True]]).t(),
}


@pytest.mark.parametrize("name", TENSORS)
def test_layouts_of_tensors_are_kept(name: str) -> None:
    tensor = TENSORS[name]
    copy = crossed(tensor)
    assert copy.stride() == tensor.stride()
    assert torch.equal(copy, tensor)


def test_an_expanded_tensor_is_sent_once() -> None:
    assert len(encode(torch.zeros(4).expand(10_000, 4))) < 200


def test_overlapping_windows_cross_as_a_copy() -> None:
    windows = torch.arange(6.0).unfold(0, 3, 1)
    copy = crossed(windows)
    assert copy.is_contiguous()
    assert torch.equal(copy, windows)


def test_a_view_spread_over_a_large_buffer_crosses_without_it() -> None:
    view = torch.zeros(1_000_000)[::500_000]
    assert len(encode(view)) < 200
    assert torch.equal(crossed(view), view)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.complex64])
@pytest.mark.parametrize("expanded", [False, True])
def test_requires_grad_crosses(dtype: torch.dtype, expanded: bool) -> None:
    leaf = torch.ones(3, dtype=dtype, requires_grad=True)
    copy = crossed((leaf * 2).expand(2, 3) if expanded else leaf)
    assert copy.requires_grad
    assert copy.is_leaf


def test_parameters_and_subclasses_arrive_as_plain_tensors() -> None:
    class Mine(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            raise AssertionError("asked of the subclass")

    parameter = crossed(torch.nn.Parameter(torch.ones(2)))
    assert type(parameter) is torch.Tensor
    assert parameter.requires_grad
    mine = torch.arange(3.0).as_subclass(Mine)
    assert crossed(mine).tolist() == [0.0, 1.0, 2.0]


def test_conjugated_and_negated_views() -> None:
    z = torch.tensor([1 + 2j, 3 - 1j])
    assert crossed(z.conj()).tolist() == [1 - 2j, 3 + 1j]
    assert crossed(z.conj().imag).tolist() == [-2.0, 1.0]


@pytest.mark.parametrize("tensor", [torch.ones(2).to_sparse(), torch.empty(2, device="meta")], ids=["sparse", "meta"])
def test_other_tensors_are_no_values(tensor: torch.Tensor) -> None:
    with pytest.raises(WireError, match="not a value"):
        encode(tensor)


@pytest.mark.parametrize("char", NUMPY_DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,), (2, 0, 3), (1, 1)])
def test_arrays_of_every_dtype(char: str, shape: tuple[int, ...]) -> None:
    dtype = np.dtype(char)
    count = int(np.prod(shape)) * dtype.itemsize
    raw = np.random.default_rng(count).integers(0, 2 if char == "?" else 256, count, dtype=np.uint8)
    array = raw.view(dtype).reshape(shape)
    copy = crossed(array)
    assert type(copy) is np.ndarray
    assert (copy.dtype, copy.shape) == (array.dtype, array.shape)
    assert copy.tobytes() == array.tobytes()


BASE = np.arange(24.0).reshape(2, 3, 4)
ARRAYS = {
    "transposed": BASE.T,
    "Fortran": np.asfortranarray(BASE),
    "backwards": BASE[::-1, :, ::-1],
    "backwards and sparse": np.arange(20)[::-3],
    "a column": BASE[:, 1],
    "broadcast": np.broadcast_to(np.arange(3), (4, 3)),
    "bool backwards": np.array([True, False, False])[::-1],
}


@pytest.mark.parametrize("name", ARRAYS)
def test_layouts_of_arrays_are_kept(name: str) -> None:
    array = ARRAYS[name]
    copy = crossed(array)
    assert (copy.strides, copy.dtype) == (array.strides, array.dtype)
    assert np.array_equal(copy, array)


def test_arrays_arrive_writable_and_alone() -> None:
    source = np.arange(3)
    copy = crossed(source)
    copy[0] = 7
    assert source[0] == 0


def test_foreign_byte_order_and_unaligned_fields_become_plain() -> None:
    swapped = np.arange(3, dtype=">i4")
    assert crossed(swapped).dtype == np.dtype("i4")
    assert crossed(swapped).tolist() == [0, 1, 2]
    record = np.zeros(3, dtype=[("a", "i1"), ("b", "f8")])
    record["b"] = [1.5, 2.5, 3.5]
    assert crossed(record["b"]).tolist() == [1.5, 2.5, 3.5]


@given(st.integers(0, 3), st.data())
@settings(max_examples=60, deadline=None)
def test_any_view_of_an_array_crosses(dims: int, data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(0, 5), min_size=dims, max_size=dims))
    array = np.arange(int(np.prod(shape)), dtype=data.draw(st.sampled_from(["i2", "f4", "c16"]))).reshape(shape)
    steps = st.sampled_from([1, 2, -1, -2])
    view = array[tuple(slice(None, None, data.draw(steps)) for _ in shape)].transpose(
        data.draw(st.permutations(range(dims)))
    )
    copy = crossed(view)
    assert (copy.dtype, copy.shape) == (view.dtype, view.shape)
    assert np.array_equal(copy, view)


@pytest.mark.parametrize(
    "value", [np.float32(1.5), np.int8(-3), np.bool_(True), np.complex64(1 + 2j), np.float64("nan")]
)
def test_numpy_scalars_stay_numpy_scalars(value: Any) -> None:
    copy = crossed(value)
    assert type(copy) is type(value)
    assert copy.tobytes() == value.tobytes()


@pytest.mark.parametrize("value", [torch.bfloat16, torch.bool, np.dtype("float32"), np.float32, np.int64])
def test_dtypes_cross(value: object) -> None:
    assert crossed(value) == value
    assert type(crossed(value)) is type(value)


def test_numpy_text_is_text() -> None:
    assert crossed(np.str_("word")) == "word"
    assert type(crossed(np.str_("word"))) is str


@pytest.mark.parametrize(
    "value",
    [np.array([object()]), np.array(["a"]), np.longdouble(1), np.array(["2020"], "M8")],
    ids=lambda value: repr(value).partition(" at 0x")[0],
)
def test_other_arrays_are_no_values(value: object) -> None:
    with pytest.raises(WireError, match="not a value"):
        encode(value)


@pytest.mark.parametrize("drawn", [0, 1, 3])
def test_generators_go_on_where_they_were(drawn: int) -> None:
    numpy_generator = np.random.default_rng(5)
    torch_generator = torch.Generator().manual_seed(5)
    for _ in range(drawn):
        numpy_generator.integers(0, 100, dtype=np.int32)  # leaves half a word over
        torch.randn(3, generator=torch_generator)
    a, b = crossed(numpy_generator), crossed(torch_generator)
    assert (
        a.integers(0, 100, 5, dtype=np.int32).tolist() == numpy_generator.integers(0, 100, 5, dtype=np.int32).tolist()
    )
    assert torch.equal(torch.randn(20, generator=b), torch.randn(20, generator=torch_generator))


def test_too_many_elements_and_axes_are_refused() -> None:
    with pytest.raises(ValueError, match="more than"):
        encode(torch.empty(1).expand(MAX_ELEMENTS + 1))
    with pytest.raises(ValueError, match="out of bounds"):
        encode(torch.empty([1] * (MAX_DIMS + 1)))
    with pytest.raises(ValueError, match="more than"):
        encode(np.broadcast_to(np.int8(0), (0, MAX_ELEMENTS + 1)))
