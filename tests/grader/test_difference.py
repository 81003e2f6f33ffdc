"""The difference between two versions: every line once, in order, edits paired and their words marked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from grader.difference import Difference, Row, difference, hunks, unified

OLD = "def f(x):\n    y = x + 1\n    return y\n"
NEW = "def f(x):\n    y = x - 1\n    return y\n"


def _kinds(compared: Difference) -> list[str]:
    return [row.kind for row in compared.rows]


def _marked(row: Row) -> tuple[list[str], list[str]]:
    assert row.left is not None
    assert row.right is not None
    left, right = row.left, row.right
    return [left.text[a:b] for a, b in left.marks], [right.text[a:b] for a, b in right.marks]


def test_equal_versions_do_not_differ() -> None:
    compared = difference(OLD, OLD)
    assert compared.same
    assert compared.changes == ()
    assert list(hunks(compared)) == []
    assert _kinds(compared) == ["same"] * 3


def test_an_edited_line_is_one_row_with_its_words_marked() -> None:
    compared = difference(OLD, NEW)
    assert _kinds(compared) == ["same", "changed", "same"]
    assert _marked(compared.rows[1]) == (["+"], ["-"])
    assert compared.changes == (range(1, 2),)
    assert not compared.same


def test_lines_are_paired_with_what_they_are_edits_of() -> None:
    left = "scores = q @ k.T\nreturn softmax(scores)\n"
    right = "d = q.shape[-1]\nscale = d ** 0.5\nscores = q @ k.T / scale\nreturn softmax(scores, -1)\n"
    compared = difference(left, right)
    assert _kinds(compared) == ["added", "added", "changed", "changed"]
    assert _marked(compared.rows[2]) == ([], [" / scale"])
    assert _marked(compared.rows[3]) == ([], [", -1"])


def test_lines_that_have_nothing_in_common_are_removed_and_added() -> None:
    assert _kinds(difference("import math\n", "    return x @ w\n")) == ["removed", "added"]


def test_numbers_are_those_of_each_version() -> None:
    rows = difference("a\nb\nc\n", "b\nnew\nc\n").rows
    assert [(r.left and r.left.number, r.right and r.right.number) for r in rows] == [
        (1, None), (2, 1), (None, 2), (3, 3),
    ]  # fmt: skip


def test_unified_puts_what_was_removed_before_what_was_added() -> None:
    rows = difference("a = 1\nb = 2\nend\n", "a = 10\nb = 20\nend\n").rows
    assert [(line.kind, line.line.text) for line in unified(rows)] == [
        ("removed", "a = 1"), ("removed", "b = 2"), ("added", "a = 10"), ("added", "b = 20"), ("same", "end"),
    ]  # fmt: skip
    assert [(line.left, line.right) for line in unified(rows)][-1] == (3, 3)


def test_a_missing_line_break_at_the_end_is_a_difference() -> None:
    compared = difference("a\n", "a")
    assert _kinds(compared) == ["same"]
    assert compared.end_differs
    assert not compared.same


def test_a_version_without_lines() -> None:
    assert _kinds(difference("", "a\nb\n")) == ["added", "added"]
    assert _kinds(difference("a\n", "")) == ["removed"]
    assert not difference("a\n", "").same
    assert difference("", "").same


def test_white_space_alone_is_a_change() -> None:
    compared = difference("    return x\n", "\treturn x\n")
    assert _kinds(compared) == ["changed"]
    assert _marked(compared.rows[0]) == (["    "], ["\t"])


def test_hunks_have_rows_around_them_and_merge_where_they_touch() -> None:
    lines = [f"line {n}" for n in range(40)]
    edited = [*lines]
    edited[10], edited[14], edited[30] = "ten", "fourteen", "thirty"
    found = list(hunks(difference("\n".join(lines), "\n".join(edited)), 2))
    assert [(h[0].left and h[0].left.number, h[-1].left and h[-1].left.number) for h in found] == [(9, 17), (29, 33)]


@given(st.lists(st.sampled_from(["a b", "a c", "x", "", "  y z"])), st.lists(st.sampled_from(["a b", "a d", "x", ""])))
def test_both_versions_can_be_read_from_the_rows(left: list[str], right: list[str]) -> None:
    ours, theirs = ("".join(f"{line}\n" for line in lines) for lines in (left, right))
    compared = difference(ours, theirs)
    assert [row.left.text for row in compared.rows if row.left] == left
    assert [row.right.text for row in compared.rows if row.right] == right
    assert [row.left.number for row in compared.rows if row.left] == list(range(1, len(left) + 1))
    same = [row for row in compared.rows if row.kind == "same"]
    assert all(row.left and row.right and row.left.text == row.right.text for row in same)
    assert compared.same == (left == right)
    lines = list(unified(compared.rows))
    assert [line.line.text for line in lines if line.kind != "added"] == left
    assert [line.line.text for line in lines if line.kind != "removed"] == right


def test_a_long_text_of_few_words_is_compared_at_once() -> None:
    """More lines than could be compared cell by cell: what matters is that an answer comes, and is whole."""
    left, right = "a\nb\n" * 15_000, "b\na\na\n" * 10_000
    compared = difference(left, right)
    assert sum(row.left is not None for row in compared.rows) == 30_000
    assert sum(row.right is not None for row in compared.rows) == 30_000


def test_a_very_long_line_is_marked_whole() -> None:
    compared = difference("x = 'aaa'" + "a " * 2_000, "x = 'bbb'" + "a " * 2_000)
    assert [len(part) for part in _marked(compared.rows[0])[0]] == [len("x = 'aaa'") + 4_000]
