"""`clean` and `one_line`: nothing that a terminal would obey or hide comes out."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.text import clean, one_line

anything = st.text(st.characters(exclude_categories=()))


@given(anything)
def test_nothing_that_a_terminal_obeys_comes_out(text):
    for char in clean(text):
        assert char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(anything)
def test_what_comes_out_can_be_encoded_and_is_stable(text):
    shown = clean(text)
    shown.encode("utf-8")
    assert clean(shown) == shown
    assert shown.count("\n") == text.count("\n")


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs"), exclude_characters="\u115f\u1160\u3164\uffa0")))
def test_ordinary_text_is_left_alone(text):
    assert clean(text) == text


def test_every_character_of_unicode():
    for code in range(0x110000):
        char = chr(code)
        if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and char not in "\n\t":
            assert clean(char) != char, f"U+{code:04X} comes through"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("\r\x07\x00\x7f", "␍␇␀␡"),
        ("\x9b31m", "<U+009B>31m"),
        ("a\u202eb\u2066", "a<U+202E>b<U+2066>"),
        ("\ud800", "<U+D800>"),
        ("zero\u200bwidth\ufeff", "zero<U+200B>width<U+FEFF>"),
        ("\U000e0041", "<U+E0041>"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("[bold]not markup[/bold] é 漢 🙂 ❤️", "[bold]not markup[/bold] é 漢 🙂 ❤️"),
    ],
)
def test_what_becomes_of_it(text, shown):
    assert clean(text) == shown


@given(anything, st.integers(2, 50))
def test_one_line_is_one_line_and_short(text, limit):
    line = one_line(text, limit)
    assert len(line) <= limit
    assert not set(line) & set("\n\t\r")


def test_one_line_says_that_something_is_missing():
    assert one_line("a b\nc", 10) == "a b c"
    assert one_line("x" * 300, 10) == "xxxxxxxxx…"
    assert one_line("x" + " " * 300 + "y", 10).endswith("…")
