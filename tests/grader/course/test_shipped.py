"""The course that gradlings ships is found and is what the issue asks for."""

from __future__ import annotations

from pathlib import Path

from grader.course.read import course_order, find_course, read_course

IDS = {
    "start/first_pass",
    "gradients/central_difference",
    "gradients/softmax_vjp",
    "backprop/scalar_engine",
    "backprop/layernorm",
    "attention/scaled_dot_product",
    "attention/multi_head",
    "positional_encoding/sinusoidal",
    "positional_encoding/rope",
    "lora/linear",
    "lora/merge",
    "quantization/affine",
    "quantization/int8_matmul",
}


def test_shipped_course_is_found_beside_the_package():
    course = find_course()
    assert course.name == "gradlings"
    assert course == read_course(Path(__file__).parents[3])


def test_shipped_course_has_the_exercises_asked_for():
    course = find_course()
    assert set(course.exercises) >= IDS
    assert set(course_order(course, "everything so far")) >= IDS
    assert next(iter(course.paths)) == "a GPT in 24 evenings"
    for id_ in IDS:
        exercise = course.exercises[id_]
        assert len(exercise.hints) == 4, id_
        assert exercise.learnt, id_
        assert exercise.roadmap or id_ == "start/first_pass", id_


def test_installed_course_lies_in_the_package(tmp_path, monkeypatch):
    from grader.course import read

    (tmp_path / "grader/exercises").mkdir(parents=True)
    monkeypatch.setattr(read.grader, "__file__", str(tmp_path / "grader/__init__.py"))
    assert read.shipped_root() == tmp_path
    (tmp_path / "grader/exercises/course.toml").touch()
    assert read.shipped_root() == tmp_path / "grader"


def test_on_every_path_what_is_required_comes_before():
    course = find_course()
    for name, path in course.paths.items():
        for place, id_ in enumerate(path):
            assert set(course.exercises[id_].requires) <= set(path[:place]), (name, id_)
