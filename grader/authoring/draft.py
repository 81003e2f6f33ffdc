"""`gradlings course new`: a draft of an exercise, from a solution if there is one.

The draft is a level `draft` exercise: it can be graded at once, and `course check` says what it lacks to be more.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import tomli

from grader.errors import CourseError, UsageError

_EXAMPLE = '''"""Twice a number."""


def double(x: float) -> float:
    """Twice `x`."""
    return 2 * x
'''
# What a suite can be started with, by the type hint of a parameter.
_INPUTS = {
    "int": "int(rng.integers(2, 9))",
    "float": "float(rng.normal())",
    "bool": "True",
    "str": '"a small text"',
    "list": "[3, 1, 2]",
    "np.ndarray": "rng.normal(size=(3, 5))",
    "numpy.ndarray": "rng.normal(size=(3, 5))",
    "torch.Tensor": "torch.randn(3, 5)",
    "Tensor": "torch.randn(3, 5)",
    "Callable": "lambda t: t * t",
}


def draft(root: Path, exercise_id: str, solution: str | None) -> list[Path]:
    """Write stub, reference, suite and TOML entry of a new exercise into the course at `root`; the files written.

    Raises UsageError where the id is malformed or taken, CourseError where the solution does not parse.
    """
    if not re.fullmatch(r"[a-z0-9_]+/[a-z0-9_]+", exercise_id):
        raise UsageError(f"`{exercise_id}` is no id.", "An id is topic/name, in small letters, digits and underscores.")
    source = solution or _EXAMPLE
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise CourseError("the solution", f"does not parse: {error}", "Start from a file that runs.") from None
    topic, _, name = exercise_id.partition("/")
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    if not functions:
        raise CourseError("the solution", "has no public function", "An exercise asks for at least one.")
    files = {
        root / "exercises" / topic / f"{name}.py": _stub(tree, name),
        root / "reference" / topic / f"{name}.py": _reference(source, functions),
        root / "tests" / "exercises" / topic / f"test_{name}.py": _suite(functions),
    }
    taken = next((path for path in files if path.exists()), None)
    if taken or name in _listed(root / "exercises" / topic / "topic.toml"):
        what = taken or f"{exercise_id} in {root / 'exercises' / topic / 'topic.toml'}"
        raise UsageError(f"{what} is there already.", "Choose another id, or remove it first.")
    try:
        return _write(root, topic, name, files)
    except OSError as error:
        raise UsageError(
            f"{error.filename or root}: {error.strerror}.", "Name a folder that can be written to."
        ) from None


def _listed(toml: Path) -> list[str]:
    """The exercises a topic.toml names. Raises CourseError where it cannot be read."""
    try:
        found = tomli.loads(toml.read_text(encoding="utf-8")).get("exercise", [])
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError) as error:
        raise CourseError(str(toml), f"cannot be read: {error}", "Mend it first.") from None
    return [str(table.get("name")) for table in found if isinstance(table, dict)]


def _write(root: Path, topic: str, name: str, files: dict[Path, str]) -> list[Path]:
    written = _course_files(root, topic)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    toml = root / "exercises" / topic / "topic.toml"
    with toml.open("a", encoding="utf-8") as file:
        title = name.replace("_", " ").capitalize()
        file.write(f'\n[[exercise]]\nname = "{name}"\ntitle = "{title}"\nlevel = "draft"\nhints = []\n')
    return list(dict.fromkeys([*written, *files, toml]))


def _course_files(root: Path, topic: str) -> list[Path]:
    """The course's and the topic's own files, where they are not there yet."""
    title = topic.replace("_", " ").capitalize()
    wanted = {
        root / "exercises" / topic / "topic.toml": f'title = "{title}"\n',
        root / "exercises" / topic / "README.md": f"# {title}\n",
    }
    course = root / "exercises" / "course.toml"
    if course.exists():
        listed = course.read_text(encoding="utf-8")
        try:
            topics = tomli.loads(listed).get("topics", [])
        except ValueError as error:
            raise CourseError(str(course), f"cannot be read: {error}", "Mend it first.") from None
        if topic not in topics:
            course.write_text(re.sub(r"topics\s*=\s*\[", f'topics = ["{topic}", ', listed, count=1), encoding="utf-8")
    else:
        wanted[course] = (
            f'name = "{_course_name(root)}"\ntitle = "A new course"\nversion = "0.1"\ntopics = ["{topic}"]\n'
        )
    written = []
    for path, text in wanted.items():
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written


def _course_name(root: Path) -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", root.resolve().name.lower()).strip("-") or "course"


def _stub(tree: ast.Module, name: str) -> str:
    """The solution with its bodies taken out and a statement to write."""
    kept: list[ast.stmt] = []
    needed = _needed(tree)
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            kept.append(node)
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            # Built, not formatted: a docstring may hold quotes and backslashes.
            doc = ast.Expr(ast.Constant(ast.get_docstring(node) or f"What {node.name} returns."))
            body = [doc, *ast.parse(f'raise NotImplementedError("write {node.name}")').body]
            kept.append(ast.FunctionDef(**{**vars(node), "body": body}))
        elif _names(node, ast.Store) & needed:
            kept.append(node)
    parts = [ast.unparse(ast.fix_missing_locations(node)) for node in kept]
    imports = sum(isinstance(node, ast.Import | ast.ImportFrom) for node in kept)
    text = "\n\n\n".join([*(["\n".join(parts[:imports])] if imports else []), *parts[imports:]])
    heading = ast.get_docstring(tree) or name.replace("_", " ").capitalize()
    heading = heading.replace("\\", "\\\\").replace('"""', "'" * 3)
    statement = f'"""{heading}\n\nWhat it is and why, the formula, shapes and dtypes, a tiny example, the source.\n"""'
    return f'{statement}\n\n{text}\n\n\nif __name__ == "__main__":\n    print("Try your code here.")\n'


def _needed(tree: ast.Module) -> set[str]:
    """The names that public functions use outside their bodies: in defaults, annotations, decorators."""
    heads = [
        part
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        for part in (node.args, node.returns, *node.decorator_list)
        if part is not None
    ]
    return set().union(*(_names(part, ast.Load) for part in heads))


def _names(node: ast.AST, context: type[ast.expr_context]) -> set[str]:
    """The names used in `node`, or bound by it where it is an assignment or a class."""
    if context is ast.Store:
        if isinstance(node, ast.ClassDef):
            return {node.name}
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            return set()
    return {item.id for item in ast.walk(node) if isinstance(item, ast.Name) and isinstance(item.ctx, context)}


def _reference(source: str, functions: list[ast.FunctionDef]) -> str:
    first = functions[0]
    lines = source.rstrip().splitlines()
    at = _after_docstring(source)
    head, body = lines[:at], lines[at:]
    example = (
        f'\n\n# @mistake("What the learner did, and why it is wrong.", of="{first.name}")\n'
        f"# def {first.name}_wrong({ast.unparse(first.args)}): ...\n"
    )
    return "\n".join([*head, "", "from grader.marks import alternative, mistake  # noqa: F401", *body]) + example


def _after_docstring(source: str) -> int:
    tree = ast.parse(source)
    lines = [0]
    for node in tree.body:
        is_doc = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_doc or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            lines.append(node.end_lineno or 0)
        else:
            break
    return max(lines)


def _input(arg: ast.arg) -> str:
    hint = ast.unparse(arg.annotation) if arg.annotation else ""
    return _INPUTS.get(hint) or _INPUTS.get(hint.partition("[")[0]) or "float(rng.normal())"


def _suite(functions: list[ast.FunctionDef]) -> str:
    parts = []
    for function in functions:
        given = function.args
        positional = [arg.arg for arg in (*given.posonlyargs, *given.args)]
        named = [arg.arg for arg, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None]
        wanted = [
            arg for arg in (*given.posonlyargs, *given.args, *given.kwonlyargs) if arg.arg in (*positional, *named)
        ]
        lines = [f"    {arg.arg} = {_input(arg)}" for arg in wanted]
        call = f"{function.name}({', '.join([*positional, *(f'{name}={name}' for name in named)])})"
        parts.append(
            f"def test_{function.name}_like_the_reference(solution, reference, rng):\n"
            f'    """{function.name} gives the expected values."""\n'
            + "\n".join(lines)
            + f"\n    assert_close(solution.{call}, reference.{call})\n"
        )
    body = "\n\n".join(parts)
    torch = "import torch\n\n" if "torch." in body else ""
    return f'"""Hidden suite."""\n\n{torch}from grader.testing import assert_close\n\n\n{body}'
