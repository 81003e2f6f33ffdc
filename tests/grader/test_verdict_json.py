"""Verdicts cross to JSON and back unchanged; whatever else is read gives a GradlingsError."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.errors import GradlingsError
from grader.model import Check, Diagnosis, Frame, Verdict
from grader.verdict_json import from_json, to_json

words = st.text(max_size=30)
integers = st.integers(-(2**63), 2**64 - 1)
finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = finite | st.sampled_from(["NaN", "Infinity", "-Infinity"])
plain = st.recursive(
    st.none() | st.booleans() | integers | numbers | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)
frames = st.builds(Frame, file=words, line=st.integers(1, 10**6), code=words)
diagnoses = st.builds(Diagnosis, mistake=words, message=words, hint=st.none() | st.integers(1, 9))
checks = st.builds(
    Check,
    id=words,
    title=words,
    status=st.sampled_from(["passed", "failed", "error", "timeout", "not_run"]),
    message=words,
    diagnosis=st.none() | diagnoses,
    relation=st.none() | words,
    traceback=st.lists(frames, max_size=3).map(tuple),
    comparison=st.none() | st.dictionaries(words, plain, max_size=4),
    output=words,
    duration_s=finite,
)
verdicts = st.builds(
    Verdict,
    course=words,
    exercise=words,
    status=st.sampled_from(["passed", "failed", "error", "not_started", "ungraded"]),
    score=finite,
    checks=st.lists(checks, max_size=3).map(tuple),
    message=words,
    protections=st.lists(words, max_size=3).map(tuple),
    seed=words,
    source_sha256=words,
    suite_sha256=words,
    suite_version=st.integers(0, 2**31),
    versions=st.dictionaries(words, words, max_size=3),
    duration_s=finite,
)
PASSED = Verdict("mini", "plain/add", "passed", 1.0, (Check("adds", "it adds", "passed"),))


@given(verdicts)
def test_a_verdict_comes_back_as_it_was(verdict: Verdict) -> None:
    assert from_json(to_json(verdict)) == verdict


@given(verdicts)
def test_any_json_reader_finds_the_documented_fields_and_schema_first(verdict: Verdict) -> None:
    read = json.loads(to_json(verdict))
    assert next(iter(read)) == "schema"
    assert set(read) == {field.name for field in dataclasses.fields(Verdict)}
    assert [check["id"] for check in read["checks"]] == [check.id for check in verdict.checks]
    assert b"\n" not in to_json(verdict)


@given(st.binary(max_size=200) | plain.map(lambda value: json.dumps(value).encode()))
def test_anything_else_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(GradlingsError, match="verdict"):
        from_json(data)


@given(st.sampled_from([field.name for field in dataclasses.fields(Verdict)]), plain)
def test_a_wrong_field_is_refused_or_read_never_a_crash(name: str, value: Any) -> None:
    spoilt = json.dumps({**json.loads(to_json(PASSED)), name: value}).encode()
    try:
        verdict = from_json(spoilt)
    except GradlingsError:
        return
    # What is read is what was there, in the same type but for whole numbers where a float belongs.
    assert json.loads(to_json(verdict))[name] == value


def test_a_missing_field_names_its_place() -> None:
    with pytest.raises(GradlingsError, match=r"`status`.*checks\[0\]|checks\[0\].*`status`|`status`.*checks"):
        from_json(
            b'{"schema":1,"course":"c","exercise":"a/b","status":"failed","score":0,"checks":[{"id":"a","title":"t"}]}'
        )


@pytest.mark.parametrize(
    ("data", "words"), [(b'{"schema":2}', "schema 2"), (b"{}", "schema"), (b'{"schema":"1"}', "schema")]
)
def test_the_schema_number_is_checked(data: bytes, words: str) -> None:
    with pytest.raises(GradlingsError, match=words):
        from_json(data)


def test_unknown_fields_of_the_same_schema_are_passed_over() -> None:
    grown = json.dumps({**json.loads(to_json(PASSED)), "mood": "cheerful"}).encode()
    assert from_json(grown) == PASSED


def test_deep_nesting_is_refused() -> None:
    depth = 100_000
    with pytest.raises(GradlingsError):
        from_json(b'{"schema":1,"comparison":' + b"[" * depth + b"]" * depth + b"}")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_lacks_are_refused_wherever_they_hide(bad: float) -> None:
    nested = dataclasses.replace(PASSED.checks[0], comparison={"actual": [[1.0, bad]]})
    for verdict in (
        dataclasses.replace(PASSED, score=bad),
        dataclasses.replace(PASSED, checks=(nested,)),
        dataclasses.replace(PASSED, checks=(dataclasses.replace(PASSED.checks[0], duration_s=bad),)),
    ):
        with pytest.raises(GradlingsError, match="NaN or infinite"):
            to_json(verdict)


def test_lone_surrogates_do_not_lose_a_verdict() -> None:
    check = dataclasses.replace(PASSED.checks[0], output="\ud800 and \u00e9", comparison={"k\udfff": ["\udc80"]})
    read = from_json(to_json(dataclasses.replace(PASSED, checks=(check,)))).checks[0]
    assert read.output == "\\ud800 and \u00e9"
    assert read.comparison == {"k\\udfff": ["\\udc80"]}


def test_a_value_that_json_lacks_is_our_error() -> None:
    check = dataclasses.replace(PASSED.checks[0], comparison={"actual": object()})
    with pytest.raises(GradlingsError, match="plain/add"):
        to_json(dataclasses.replace(PASSED, checks=(check,)))


def test_it_loads_neither_sqlalchemy_nor_torch() -> None:
    code = "import sys, grader.verdict_json; print(sorted({'sqlalchemy', 'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
