"""How a verdict looks, and that nothing in it can do more than be read."""

from __future__ import annotations

import io
import math
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from grader.cli.render import exit_code, print_verdict
from grader.cli.tables import comparison_lines, number
from grader.model import Check, Curve, Diagnosis, Exercise, Frame, Verdict

EVIL = "[bold]x[/bold] [/] [link=http://e.vil]y[/link] \x1b[2J\x1b]8;;http://e.vil\x07 \u202e\r\x9b31m :smile:"


def shown(verdict: Verdict, width: int = 80, *, color: bool = False, encoding: str = "utf-8") -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
    console = Console(
        file=file, width=width, markup=False, emoji=False, highlight=False,
        force_terminal=color, color_system="standard" if color else None,
    )  # fmt: skip
    print_verdict(console, verdict, Exercise("a/one", "One", hints=("h",)))
    file.flush()
    return file.buffer.getvalue().decode(encoding)


def verdict(*checks: Check, status: str = "failed", **more: object) -> Verdict:
    return Verdict("mini", "a/one", status, 0.0, checks, duration_s=0.0462, **more)  # type: ignore[arg-type]


def side(shape: list[int], values: list[object]) -> dict[str, object]:
    return {"dtype": "float64", "shape": shape, "values": values}


FAILED = Check(
    "b", "Large logits do not overflow", "failed",
    message="The result: expected 0.25, got NaN at [0, 1].",
    diagnosis=Diagnosis("unscaled", "The scores are not divided.", hint=3),
    relation="yours is 8 times the expected",
    traceback=(Frame("a/one.py", 12, "return q @ k"),),
    comparison={"actual": side([2, 2], [1.0, "NaN", 0.5, 2.0]), "expected": side([2, 2], [1.0, 0.25, 0.5, 2.0]), "worst": [0, 1]},
    output="so far\n",
)  # fmt: skip


def test_the_first_failing_check_is_opened_and_the_rest_listed():
    passed = Check("a", "Each row sums to one", "passed")
    later = Check("c", "Gradients reach the keys", "timeout", message="It took longer than 5 s.")
    not_run = Check("d", "Any shape", "not_run")
    text = shown(verdict(passed, FAILED, later, not_run))
    lines = text.splitlines()
    assert lines[:5] == [
        "a/one  failed  1 of 4 checks  46 ms",
        "  ✓ Each row sums to one",
        "  ✗ Large logits do not overflow",
        "  ✗ Gradients reach the keys  (took too long)",
        "  · Any shape  (not run)",
    ]
    assert lines[5:12] == [
        "",
        "  Large logits do not overflow",
        "    The result: expected 0.25, got NaN at [0, 1].",
        "    What went wrong: The scores are not divided. Hint 3 helps with it.",
        "    Measured: yours is 8 times the expected",
        "    a/one.py, line 12:",
        "      return q @ k",
    ]
    assert lines[12:15] == [
        "    yours        expected       difference",
        "       1 [nan]       1 [0.25]      0 [nan]",
        "     0.5    2      0.5     2       0    0",
    ]
    assert lines[15:] == ["    Printed during this check:", "      so far"]
    assert "longer than 5 s" not in text


def test_a_pass_is_short():
    text = shown(verdict(Check("a", "Each row sums to one", "passed"), status="passed"))
    assert text.splitlines() == ["a/one  passed  1 of 1 check  46 ms", "  ✓ Each row sums to one"]


def test_a_stub_is_told_in_a_line():
    text = shown(verdict(Check("a", "Each row sums to one", "error"), status="not_started", message="Still the stub."))
    assert "not started" in text.splitlines()[0]
    assert "Still the stub." in text


def test_marks_in_a_terminal_without_them():
    text = shown(verdict(Check("a", "T", "passed"), FAILED), encoding="ascii")
    assert "  + T" in text.splitlines()
    assert "  x Large logits do not overflow" in text.splitlines()


def test_nothing_is_told_by_colour_alone():
    """Without its escape sequences the coloured text is the plain one."""
    import re

    plain = shown(verdict(Check("a", "T", "passed"), FAILED))
    coloured = shown(verdict(Check("a", "T", "passed"), FAILED), color=True)
    assert coloured != plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_learner_text_is_data():
    evil = Check(
        "b", EVIL, "failed", message=EVIL, diagnosis=Diagnosis("m", EVIL), relation=EVIL,
        traceback=(Frame(EVIL, 1, EVIL),), output=EVIL * 3,
        comparison={"actual": side([1], [EVIL]), "expected": side([1], [EVIL]), "worst": [0]},
    )  # fmt: skip
    text = shown(verdict(evil, message=EVIL))
    assert not [c for c in text if unicodedata.category(c) in {"Cc", "Cf"} and c != "\n"]
    assert "[bold]x[/bold] [/]" in text
    assert ":smile:" in text
    assert "␛[2J" in text


@given(st.text(st.characters(exclude_categories=()), max_size=60), st.sampled_from([40, 80, 120]))
def test_any_text_any_width(text, width):
    check = Check("b", text, "error", message=text, output=text, traceback=(Frame(text, 1, text),))
    for line in shown(verdict(check, message=text), width).split("\n"):
        assert cell_len(line) <= width
        assert line == line.rstrip(" ")


def test_long_output_shows_its_end():
    text = shown(verdict(Check("b", "T", "failed", output="".join(f"line {n}\n" for n in range(100)))))
    assert "line 99" in text
    assert "line 79" not in text
    assert "(80 lines before this left out)" in text


@pytest.mark.parametrize(
    ("status", "code"), [("passed", 0), ("failed", 1), ("error", 1), ("not_started", 1), ("ungraded", 3)]
)
def test_exit_codes(status, code):
    assert exit_code(verdict(status=status)) == code


# -- tables ------------------------------------------------------------------------------------------------------------

special = st.sampled_from(["NaN", "Infinity", "-Infinity", "1+2j"])
cells = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.booleans(), special)


@st.composite
def comparisons(draw):
    shape = draw(st.lists(st.integers(0, 12), max_size=4).filter(lambda s: math.prod(s) <= 400))
    size = math.prod(shape)
    actual, expected = (draw(st.lists(cells, min_size=size, max_size=size)) for _ in range(2))
    other = draw(st.booleans()) and size > 0
    worst = [draw(st.integers(0, n - 1)) for n in shape] if size and not other else None
    return {
        "actual": side([1, size] if other else shape, actual),
        "expected": side(shape, expected),
        "worst": worst,
    }


@given(comparisons(), st.sampled_from([60, 80, 200]))
def test_any_comparison_fits_and_shows_the_worst_cell(comparison, width):
    lines = [line.plain for line in comparison_lines(comparison, width)]
    size = math.prod(comparison["expected"]["shape"])
    assert bool(lines) == (size > 0)
    for line in lines:
        assert cell_len(line) <= width
    if comparison["worst"] is not None:
        shape, flat = comparison["expected"]["shape"], 0
        for i, n in zip(comparison["worst"], shape, strict=True):
            flat = flat * n + i
        text = "\n".join(lines)
        assert f"[{number(comparison['actual']['values'][flat])}]" in text
        assert f"[{number(comparison['expected']['values'][flat])}]" in text


def test_a_large_array_is_cut_to_a_window_around_the_worst_cell():
    values = [float(n) for n in range(2 * 20 * 30)]
    wrong = list(values)
    wrong[20 * 30 + 15 * 30 + 17] = -1.0
    actual, expected = side([2, 20, 30], wrong), side([2, 20, 30], values)
    lines = comparison_lines({"actual": actual, "expected": expected, "worst": [1, 15, 17]}, 80)
    text = "\n".join(line.plain for line in lines)
    assert "yours [1, 11:19, 13:21]" in text
    assert "[-1]" in text
    assert "[1067]" in text
    assert "[-1068]" in text


def test_shapes_that_differ_are_drawn_without_a_difference():
    lines = comparison_lines({"actual": side([3, 1], [1, 2, 3]), "expected": side([3], [1, 2, 3]), "worst": None}, 80)
    text = "\n".join(line.plain for line in lines)
    assert "yours" in text
    assert "expected" in text
    assert "difference" not in text


@pytest.mark.parametrize(
    "comparison",
    [
        {},
        {"actual": None, "expected": None},
        {"actual": side([3], [1]), "expected": side([3], [1, 2, 3])},
        {"actual": {**side([5000], []), "values": None}, "expected": {**side([5000], []), "values": None}},
        {"actual": side([0], []), "expected": side([0], [])},
    ],
)
def test_what_cannot_be_drawn_is_left_out(comparison):
    assert comparison_lines(comparison, 80) == []


def test_numbers_in_cells():
    assert [number(v) for v in (0.123456, 1e-30, 3, True, "NaN", "-Infinity", 10**400, "1+2j", 10**12)] == [
        "0.1235", "1e-30", "3", "True", "nan", "-inf", "huge", "1+2j", "1e+12",
    ]  # fmt: skip


def test_a_curve_is_told_below_its_check():
    drew = Check(
        "a", "It trains", "passed", curves=(Curve(EVIL, (0.0, 9.0), (4.0, 1.0)), Curve("loss", (0.0, 50.0), (4.0, 1.0)))
    )
    lines = shown(verdict(drew, status="passed")).splitlines()
    assert lines[3] == "      loss from 4 to 1, at 50  █▁"
    assert "[bold]x[/bold]" in lines[2]
    assert "\x1b" not in lines[2]
    wrote = replace(drew, output="once upon\x1b[2J")
    assert shown(verdict(wrote, status="passed")).endswith("    Printed during this check:\n      once upon␛[2J\n")
    plain = shown(verdict(replace(drew, curves=drew.curves[1:]), status="passed"), encoding="ascii").splitlines()
    assert plain[2] == "      loss from 4 to 1, at 50"
