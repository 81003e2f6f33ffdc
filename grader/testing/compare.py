"""Comparisons that explain themselves: what was expected, what came, and the first place where they part.

Default tolerances (relative, absolute): float64 1e-9, 1e-12; float32 1e-5, 1e-6; bfloat16 and float16 1e-2, 1e-3; ints,
bools, strings and None exactly. A suite that needs others says why beside them.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from typing import Any

from grader.testing.proxy import Handle

TOLERANCES = {
    "float64": (1e-9, 1e-12),
    "complex128": (1e-9, 1e-12),
    "float32": (1e-5, 1e-6),
    "complex64": (1e-5, 1e-6),
    "bfloat16": (1e-2, 1e-3),
    "float16": (1e-2, 1e-3),
}
EXACT = (0.0, 0.0)
MAX_KEYS = 8  # that a message names


class Mismatch(AssertionError):
    """A comparison that failed. `actual` and `expected` are arrays where the verdict can draw them, else None."""

    def __init__(
        self,
        message: str,
        actual: Any = None,
        expected: Any = None,
        tolerance: tuple[float, float] = EXACT,
        worst: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.actual = actual
        self.expected = expected
        self.tolerance = tolerance
        self.worst = worst


def assert_close(
    actual: Any,
    expected: Any,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    what: str = "the result",
    why: str = "",
    check_dtype: bool = True,
) -> None:
    """Fail unless `actual` has the type, shape, dtype and, within tolerance, the values of `expected`.

    Args:
        actual: what the learner's code returned: a number, an array, a tensor, or a tuple, list or dict of them.
        expected: the same from the reference or worked out by the suite. A float as `expected` takes any real number.
        rtol, atol: `|actual - expected| <= atol + rtol * |expected|`; default by the dtype of `expected`.
        what: names the value in the message ("the gradient of the keys").
        why: a sentence added to the message: the property that is broken, or what to look at.
        check_dtype: False where the statement leaves the dtype open.
    """
    tail = f" {why}" if why else ""
    if isinstance(expected, tuple | list):
        _same_container(actual, expected, what, tail)
        for i, (a, e) in enumerate(zip(actual, expected, strict=True)):
            assert_close(a, e, rtol=rtol, atol=atol, what=f"item {i} of {what}", why=why, check_dtype=check_dtype)
        return
    if isinstance(expected, dict):
        _same_keys(actual, expected, what, tail)
        for key in expected:
            assert_close(
                actual[key],
                expected[key],
                rtol=rtol,
                atol=atol,
                what=f"{key!r} of {what}",
                why=why,
                check_dtype=check_dtype,
            )
        return
    if not _is_number(expected) and not _is_array(expected):
        if type(actual) is not type(expected) or actual != expected:
            raise Mismatch(f"{_cap(what)}: expected {_wanted(expected)}, got {_describe(actual)}.{tail}")
        return
    _same_form(actual, expected, what, tail, check_dtype)
    name = _dtype(expected) or _dtype(actual)
    default = TOLERANCES.get(name or ("float64" if isinstance(expected, float | complex) else ""), EXACT)
    tolerance = (default[0] if rtol is None else rtol, default[1] if atol is None else atol)
    _same_values(actual, expected, tolerance, what, tail)


def assert_equal(actual: Any, expected: Any, *, what: str = "the result", why: str = "") -> None:
    """Fail unless `actual` is exactly `expected`: shape, dtype and values, without a tolerance (NaN equals NaN).

    As in `assert_close`, a tuple may stand for a list, and any real number for a number of its value; a bool is no number.
    """
    assert_close(actual, expected, rtol=0.0, atol=0.0, what=what, why=why)


def assert_gradients(
    actual: list[Any],
    expected: list[Any],
    names: tuple[str, ...],
    *,
    rtol: float | None = None,
    atol: float | None = None,
    why: str = "",
) -> None:
    """Fail unless every gradient is there and close; says by name which one is missing or wrong."""
    for name, a, e in zip(names, actual, expected, strict=True):
        if a is None and e is not None:
            raise Mismatch(
                f"No gradient reaches {name}: the result does not depend on it through autograd "
                f"(detached, converted to NumPy or a Python number, computed under no_grad, or not used).{' ' * bool(why)}{why}"
            )
        assert_close(a, e, rtol=rtol, atol=atol, what=f"the gradient of {name}", why=why)


def as_array(value: Any) -> Any:
    """A number, array or tensor as a NumPy array; floats of any size become float64, and so do ints beyond 64 bits."""
    import numpy as np

    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        plain = value.detach().resolve_conj().resolve_neg()
        if plain.dtype.is_floating_point:
            plain = plain.to(torch.float64)
        return plain.numpy()
    try:
        array = np.asarray(float(value) if isinstance(value, int) and abs(value) >= 2**63 else value)
    except OverflowError:  # beyond any float
        array = np.asarray(math.inf if value > 0 else -math.inf)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | complex) and not isinstance(value, bool)


def _is_array(value: Any) -> bool:
    np, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    return (torch is not None and isinstance(value, torch.Tensor)) or (
        np is not None and isinstance(value, np.ndarray | np.generic)
    )


def _family(value: Any) -> str:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return "torch tensor"
    if _is_array(value):
        return "NumPy array"
    return type(value).__name__


def _dtype(value: Any) -> str:
    return str(value.dtype).removeprefix("torch.") if _is_array(value) else ""


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(value.shape) if _is_array(value) else ()


def _same_container(actual: Any, expected: Any, what: str, tail: str) -> None:
    if not isinstance(actual, tuple | list):
        raise Mismatch(
            f"{_cap(what)}: expected a {type(expected).__name__} of {len(expected)}, got {_describe(actual)}.{tail}"
        )
    if len(actual) != len(expected):
        raise Mismatch(f"{_cap(what)}: expected {len(expected)} items, got {len(actual)}.{tail}")


def _same_keys(actual: Any, expected: dict[Any, Any], what: str, tail: str) -> None:
    if not isinstance(actual, dict):
        raise Mismatch(f"{_cap(what)}: expected a dict with the keys {_keys(expected)}, got {_describe(actual)}.{tail}")
    missing = [key for key in expected if key not in actual]
    extra = [key for key in actual if key not in expected]
    parts = [f"it lacks the key{'s' * (len(missing) > 1)} {_keys(missing)}"] if missing else []
    parts += [f"there should be no key {_keys(extra)}"] if extra else []
    if parts:
        raise Mismatch(f"{_cap(what)}: {', '.join(parts)}.{tail}")


def _same_form(actual: Any, expected: Any, what: str, tail: str, check_dtype: bool) -> None:
    """Kind, shape and dtype; a Python number may stand for a zero-dimensional array where the other side is a number."""
    if not _is_array(actual) and not _is_number(actual):
        raise Mismatch(f"{_cap(what)}: expected {_describe(expected)}, got {_describe(actual)}.{tail}")
    number = _is_number(expected)
    if _shape(actual) != _shape(expected):
        raise Mismatch(
            f"{_cap(what)} has the shape {_shape(actual)}, expected {_shape(expected)}.{tail}",
            *_drawable(actual, expected),
        )
    if (
        not number
        and _family(actual) != _family(expected)
        and check_dtype
        and (_shape(expected) or _is_torch(expected))
    ):
        raise Mismatch(f"{_cap(what)}: expected a {_family(expected)}, got a {_family(actual)}.{tail}")
    if not number and check_dtype and _is_array(actual) and _dtype(actual) != _dtype(expected):
        raise Mismatch(
            f"{_cap(what)} has the dtype {_dtype(actual)}, expected {_dtype(expected)}.{tail}",
            *_drawable(actual, expected),
        )


def _is_torch(value: Any) -> bool:
    return _family(value) == "torch tensor"


def _same_values(actual: Any, expected: Any, tolerance: tuple[float, float], what: str, tail: str) -> None:
    if not _is_array(actual) and not _is_array(expected):
        if not _close(actual, expected, tolerance):
            raise Mismatch(
                f"{_cap(what)}: expected {_number(expected)}, got {_number(actual)}{_off(actual, expected)}.{tail}"
            )
        return
    import numpy as np

    a, e = as_array(actual), as_array(expected)
    rtol, atol = tolerance
    with np.errstate(all="ignore"):
        same = (a == e) | (np.isnan(a) & np.isnan(e)) if a.dtype.kind in "fc" or e.dtype.kind in "fc" else a == e
        gap = np.abs(a.astype(np.complex128 if a.dtype.kind == "c" else np.float64) - e)
        # `gap` is a float: two large ints that differ may be no distance apart.
        near = (np.isfinite(a) & np.isfinite(e) & (gap <= atol + rtol * np.abs(e))) if max(tolerance) > 0 else same
        good = same | near
    if good.all():
        return
    bad = ~good
    excess = np.where(bad, np.where(np.isfinite(gap), gap, np.inf), -1.0)
    worst = tuple(int(i) for i in np.unravel_index(int(np.argmax(excess)), excess.shape))
    first = tuple(int(i) for i in np.argwhere(bad)[0]) if bad.shape else ()
    count = int(bad.sum())
    parts = [_special(a, e, bad)] if _special(a, e, bad) else []
    where = f" at {_index(first)}" if first else ""
    short = [f"{side[first]:.6g}" if side.dtype.kind in "fc" else str(side[first]) for side in (e, a)]
    if short[0] == short[1]:
        short = [repr(side[first].item()) for side in (e, a)]
    parts.append(f"expected {short[0]}, got {short[1]}{where}")
    if e.size > 1:
        size = (
            f"the largest error is {gap[worst]:.3g} at {_index(worst)}"
            if a.dtype.kind != "b" and np.isfinite(gap[worst])
            else ""
        )
        parts.append(f"{count} of {e.size} values differ" + (f"; {size}" if size else ""))
    if max(tolerance) > 0:
        parts.append(f"allowed is {atol:g} + {rtol:g} * |expected|")
    raise Mismatch(f"{_cap(what)}: " + "; ".join(parts) + f".{tail}", actual, expected, tolerance, worst)


def _close(actual: Any, expected: Any, tolerance: tuple[float, float]) -> bool:
    if actual == expected or (actual != actual and expected != expected):
        return True
    try:
        finite = math.isfinite(abs(actual)) and math.isfinite(abs(expected))
        return finite and bool(abs(actual - expected) <= tolerance[1] + tolerance[0] * abs(expected))
    except OverflowError:
        return False


def _special(a: Any, e: Any, bad: Any) -> str:
    import numpy as np

    if a.dtype.kind not in "fc":
        return ""
    if (np.isnan(a) & bad).any():
        return f"NaN where a number was expected ({int((np.isnan(a) & bad).sum())} of {a.size})"
    if (np.isinf(a) & bad).any():
        return f"infinity where {'a finite number' if np.isfinite(e[np.isinf(a) & bad]).any() else 'another value'} was expected"
    return ""


def _off(actual: Any, expected: Any) -> str:
    try:
        gap = abs(actual - expected)
        return f" (off by {gap:.3g})" if math.isfinite(gap) else ""
    except OverflowError:  # an int beyond any float
        return ""


def _number(value: Any) -> str:
    # Python refuses to print an int of more than 4,300 digits.
    return repr(value) if not isinstance(value, int) or abs(value) < 10**50 else f"an int of {value.bit_length()} bits"


def _drawable(actual: Any, expected: Any) -> tuple[Any, Any]:
    return (actual, expected) if _is_array(actual) and _is_array(expected) else (None, None)


def _describe(value: Any) -> str:
    if isinstance(value, Handle):
        return f"an object that is no value ({value._kind})" if not value._callable else f"a {value._kind}"
    if _is_array(value):
        return f"a {_dtype(value)} {_family(value)} of shape {_shape(value)}"
    if value is None:
        return "None (is a return missing?)"
    if isinstance(value, tuple | list | dict | set):
        return f"a {type(value).__name__} of {len(value)}"
    text = _number(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _wanted(value: Any) -> str:
    return "None" if value is None else _describe(value)


def _keys(keys: Iterable[Any]) -> str:
    shown = [_describe(key) for key in keys]
    return ", ".join(shown[:MAX_KEYS]) + (f" and {len(shown) - MAX_KEYS} more" if len(shown) > MAX_KEYS else "")


def _index(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]"


def _cap(text: str) -> str:
    """A capital at the start of a sentence, but never on the name of a function."""
    plain = text.startswith(("the ", "a ", "an ", "item ", "argument ", "each ", "every ", "all ", "one ", "what "))
    return text[:1].upper() + text[1:] if plain else text
