"""Asks the import system for the grader's and the course's files."""
# exercise: attention/scaled_dot_product
# status: failed
# says: expected

import importlib.resources
import importlib.util
import inspect
import linecache
import pkgutil
import runpy
import zipimport

import grader
import grader.marks

WAYS = (
    lambda: importlib.resources.files("grader").joinpath("engine.py").read_text(),
    lambda: importlib.resources.files("grader").joinpath("reference/attention/scaled_dot_product.py").read_text(),
    lambda: pkgutil.get_data("grader", "judge/judge.py"),
    lambda: pkgutil.get_data("grader", "../reference/attention/scaled_dot_product.py"),
    lambda: grader.__loader__.get_data("{{SUITE}}"),
    lambda: grader.__loader__.get_source("grader"),
    lambda: grader.__loader__.get_source("grader.engine"),
    lambda: inspect.getsource(grader.marks),
    lambda: linecache.getlines("{{SUITE}}")[0],
    lambda: linecache.getlines("{{REFERENCE}}")[0],
    lambda: runpy.run_path("{{REFERENCE}}"),
    lambda: zipimport.zipimporter("{{PACKAGE}}"),
    lambda: importlib.util.spec_from_file_location("x", "{{REFERENCE}}").loader.load_module(),
    lambda: [__import__("grader." + name) for name in ("engine", "judge", "testing", "course")] and None,
    lambda: __import__("grader.testing.compare"),
)
for number, way in enumerate(WAYS):
    try:
        if way():
            print("BREACH", number)
    except (OSError, ImportError, IndexError):
        pass


def sdpa(Q, K, V, mask=None):
    return V
