"""What a hidden suite imports. The fixtures `solution`, `reference`, `rng`, `seed` and `data` come from the runner."""

from grader.testing.compare import Mismatch, assert_close, assert_equal, assert_gradients
from grader.testing.proxy import Handle, LearnerError
from grader.testing.remote import (
    Observation,
    assert_no_aliasing,
    assert_unchanged,
    fetch_list,
    keep,
    keep_item,
    library,
    load,
    observe,
    parameters,
    state,
    vjp,
)

__all__ = [
    "Handle",
    "LearnerError",
    "Mismatch",
    "Observation",
    "assert_close",
    "assert_equal",
    "assert_gradients",
    "assert_no_aliasing",
    "assert_unchanged",
    "fetch_list",
    "keep",
    "keep_item",
    "library",
    "load",
    "observe",
    "parameters",
    "state",
    "vjp",
]
