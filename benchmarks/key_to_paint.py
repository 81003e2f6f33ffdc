"""`key_to_paint`: from a key to what it paints, in the app with 200 exercises, against a bare Textual Tree of that size.

Two keys: moving the cursor, and opening an exercise, which both read from its file and show as text. The ratio is the larger one
of the two.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.common import GRADLINGS, Result, median, seconds
from benchmarks.terminal import Terminal

TOPICS, EACH = 10, 20
STEPS = 30
REACH = 1.5
BARE = Path(__file__).with_name("bare_tree.py")
DOWN, ENTER = "\x1b[B", "\r"
STUB = '''"""# Exercise {number:03}

This is statement-{number:03}. It returns its argument, twice.

    f(x) = x + x

| name | shape | dtype |
|---|---|---|
| `x` | (n,) | float64 |
| result | (n,) | float64 |

Source: nobody, "Nothing" (2026), section {number}.
"""


def f(x):
    """Twice `x`."""
    raise NotImplementedError("add")
'''


def make_course(root: Path) -> None:
    """A course of 200 exercises with statements, as far as the app reads it before anything is graded."""
    names = [f"topic{topic}" for topic in range(TOPICS)]
    ids = []
    for topic, name in enumerate(names):
        folder = root / "exercises" / name
        folder.mkdir(parents=True)
        (folder / "README.md").write_text(f"# Topic {topic}\n")
        lines = [f'title = "Topic {topic}"']
        for place in range(EACH):
            number = topic * EACH + place
            lines.append(
                f'\n[[exercise]]\nname = "e{number:03}"\ntitle = "Exercise {number:03}"\nhints = ["a", "b", "c"]'
            )
            for file in (
                f"exercises/{name}/e{number:03}",
                f"reference/{name}/e{number:03}",
                f"tests/exercises/{name}/test_e{number:03}",
            ):
                (root / f"{file}.py").parent.mkdir(parents=True, exist_ok=True)
                (root / f"{file}.py").write_text(STUB.format(number=number))
            ids.append(f"{name}/e{number:03}")
        (folder / "topic.toml").write_text("\n".join(lines) + "\n")
    listed = ", ".join(f'"{name}"' for name in names)
    path = ", ".join(f'"{id}"' for id in ids)
    (root / "exercises" / "course.toml").write_text(
        f'name = "two-hundred"\ntitle = "Two hundred"\nversion = "1"\ntopics = [{listed}]\n\n[paths]\n"all" = [{path}]\n'
    )


def run() -> Result:
    """Both programs run at once; the keys alternate."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "workspace"
        make_course(Path(folder) / "course")
        seconds([*GRADLINGS, "init", str(workspace), "--course", str(Path(folder) / "course")])
        with (
            Terminal(GRADLINGS, workspace) as app,
            Terminal([sys.executable, str(BARE), str(Path(folder) / "course")]) as bare,
        ):
            app.painted("Exercise 000", "statement-000")
            bare.painted("painted", "exercise 000")
            app.settle(2.0)  # the engine has warmed up
            app.press("]")  # the second one: the first is open already
            app.settle()
            bare.press(DOWN * 3)
            bare.settle()
            move: dict[str, list[float]] = {"ours": [], "peer": []}
            show: dict[str, list[float]] = {"ours": [], "peer": []}
            for step in range(2, STEPS + 2):
                # At a topic's end the cursor first comes to the next topic itself.
                keys = DOWN * (2 if step % EACH == 0 else 1)
                for name, terminal in (("ours", app), ("peer", bare)):
                    move[name].append(_first_frame(terminal, keys) * 1000)
                    sent = terminal.press(ENTER)
                    show[name].append((terminal.painted(f"statement-{step:03}") - sent) * 1000)
                    terminal.settle(0.1)
    rows = {
        what: {
            "ours_ms": median(taken["ours"]),
            "peer_ms": median(taken["peer"]),
            "ratio": round(median(taken["ours"]) / median(taken["peer"]), 3),
        }
        for what, taken in (("moving the cursor", move), ("opening an exercise", show))
    }
    worst = max(rows.values(), key=lambda row: row["ratio"])
    return Result(
        "key_to_paint", worst["ours_ms"], worst["peer_ms"], worst["ratio"], "ms", STEPS,
        f"ratio at most {REACH:g}", worst["ratio"] <= REACH, "the same in a bare Tree of 200 beside a Static", {"keys": rows},
    )  # fmt: skip


def _first_frame(terminal: Terminal, keys: str) -> float:
    sent = terminal.press(keys)
    taken = terminal.painted("ercise") - sent
    terminal.settle(0.1)
    return taken
