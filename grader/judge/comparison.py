"""The data of a failed comparison, small enough to travel with the verdict and be drawn."""

from __future__ import annotations

import math
from typing import Any

from grader.testing.compare import Mismatch, as_array

MAX_ELEMENTS = 4096


def comparison(error: Mismatch) -> dict[str, Any] | None:
    """Both sides by dtype, shape and values (row-major), where they part most, and what was allowed; None without arrays.

    NaN and infinities travel as the strings "NaN", "Infinity" and "-Infinity". A side of more than 4,096 elements travels without
    its values.
    """
    if error.actual is None or error.expected is None:
        return None
    return {
        "actual": _side(error.actual),
        "expected": _side(error.expected),
        "worst": None if error.worst is None else list(error.worst),
        "rtol": error.tolerance[0],
        "atol": error.tolerance[1],
    }


def _side(value: Any) -> dict[str, Any]:
    array = as_array(value)
    dtype = str(getattr(value, "dtype", type(value).__name__)).removeprefix("torch.")
    values = [_number(item) for item in array.reshape(-1).tolist()] if array.size <= MAX_ELEMENTS else None
    return {"dtype": dtype, "shape": list(array.shape), "values": values}


def _number(value: Any) -> Any:
    if isinstance(value, complex):
        return f"{value.real:.6g}{value.imag:+.6g}j"
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, int) and not -(2**63) <= value < 2**64:  # the most a message holds as a number
        return f"an int of {value.bit_length()} bits"
    return value
