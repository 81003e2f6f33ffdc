"""Seeds, digests, and when two sources are one program."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from grader.judge.request import Request, base_seed, check_seed, parsed, read_materials, same_program
from grader.model import Forbidden, Limits


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    for name in ("suite", "reference", "stub", "data"):
        (tmp_path / name).write_text(name)
    return Request(
        "mini",
        "numbers/clamp",
        "x = 1\n",
        tmp_path / "suite",
        tmp_path / "reference",
        tmp_path / "stub",
        {"poem.txt": tmp_path / "data"},
        Limits(),
        (),
    )


def test_the_same_request_has_the_same_seeds(request_: Request) -> None:
    base = base_seed(request_, "ab")
    assert base == base_seed(replace(request_), "ab")
    assert check_seed(base, "a", "judge") == check_seed(base, "a", "judge")
    assert 0 <= check_seed(base, "a", "judge") < 2**63


def test_every_part_changes_the_seed(request_: Request) -> None:
    changed = [
        replace(request_, exercise="numbers/slope"),
        replace(request_, source="x = 2\n"),
        replace(request_, salt="s"),
        replace(request_, class_key="k"),
        # What leaves one part must not be taken for the beginning of the next.
        replace(request_, exercise="numbers/clampx", source=" = 1\n"),
        replace(request_, source="x = 1\nab", salt=""),
    ]
    seeds = {base_seed(one, "ab") for one in changed} | {base_seed(request_, "ab"), base_seed(request_, "cd")}
    assert len(seeds) == len(changed) + 2


def test_sides_and_checks_have_seeds_of_their_own(request_: Request) -> None:
    base = base_seed(request_, "ab")
    seeds = {check_seed(base, check, side) for check in ("a", "b", "a:b") for side in ("judge", "cell")}
    assert len(seeds) == 6


def test_a_source_that_cannot_be_encoded_has_a_seed(request_: Request) -> None:
    assert base_seed(replace(request_, source="'\ud800'"), "ab") != base_seed(request_, "ab")


def test_the_digest_covers_what_decides_the_verdict(request_: Request) -> None:
    before = read_materials(request_)
    assert before.data == {"poem.txt": b"data"}
    digests = {before.sha256}
    for path in (request_.suite, request_.reference, request_.data["poem.txt"]):
        text = path.read_text()
        path.write_text(text + "!")
        digests.add(read_materials(request_).sha256)
        path.write_text(text)
    digests.add(read_materials(replace(request_, limits=Limits(seconds=1.0))).sha256)
    digests.add(read_materials(replace(request_, forbid=(Forbidden("a.b", "c"),))).sha256)
    digests.add(read_materials(replace(request_, data={"other.txt": request_.data["poem.txt"]})).sha256)
    assert len(digests) == 7
    assert read_materials(request_).sha256 == before.sha256


ORIGINAL = '"""Doc."""\nimport math\n\ndef f(x):\n    """Doc."""\n    return x + 1\n\nclass A:\n    def g(self):\n        return 1\n'  # noqa: E501


@pytest.mark.parametrize(
    "other",
    [
        ORIGINAL.replace('"""Doc."""\n', "", 1),
        ORIGINAL.replace('    """Doc."""\n', '    """Another, longer."""\n'),
        ORIGINAL.replace("x + 1", "(x+1)  # a comment"),
        "\n\n" + ORIGINAL.replace("\n\n", "\n\n\n\n"),
        ORIGINAL.replace("class A:\n", "class A:\n    '''Doc.'''\n"),
    ],
)
def test_comments_space_and_docstrings_do_not_count(other: str) -> None:
    assert same_program(parsed(ORIGINAL), parsed(other))


@pytest.mark.parametrize(
    "other",
    [
        ORIGINAL.replace("x + 1", "x + 2"),
        ORIGINAL.replace("x + 1", "x - 1"),
        ORIGINAL.replace("x + 1", "x + 1.0"),
        ORIGINAL.replace("x + 1", "x + True"),
        ORIGINAL.replace("def f", "def g"),
        ORIGINAL.replace("import math\n", ""),
        ORIGINAL.replace("import math", "import math as m"),
        ORIGINAL + "f(1)\n",
        ORIGINAL.replace("f(x)", "f(x, y=1)"),
        "",
    ],
)
def test_anything_else_does(other: str) -> None:
    assert not same_program(parsed(ORIGINAL), parsed(other))
    assert not same_program(parsed(other), parsed(ORIGINAL))


@pytest.mark.parametrize("source", ["def f(:", "\0", "(" * 5000, "x = 1\n  y = 2"])
def test_what_does_not_parse_is_no_program(source: str) -> None:
    assert parsed(source) is None
    assert not same_program(parsed(ORIGINAL), parsed(source))
