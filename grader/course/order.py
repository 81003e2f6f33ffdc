"""The order of exercises: what `requires` allows, cycles, and the paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grader.errors import UsageError
from grader.model import Course


def course_order(course: Course, path: str | None = None) -> list[str]:
    """The ids along the path of that name; without one all ids, topic by topic, each after what it requires.

    Raises UsageError where there is no such path.
    """
    if path is None:
        return topological({id_: exercise.requires for id_, exercise in course.exercises.items()})
    if path not in course.paths:
        known = ", ".join(f'"{name}"' for name in course.paths)
        raise UsageError(f'The course "{course.name}" has no path "{path}".', f"Its paths are: {known}.")
    return list(course.paths[path])


def topological(requires: Mapping[str, Sequence[str]]) -> list[str]:
    """The keys in their own order, but each after what it requires. Of a graph with a cycle, some order."""
    ordered: list[str] = []
    seen: set[str] = set()
    for start in requires:
        # Depth first without recursion: a course may be a chain of any length.
        stack = [(start, iter(requires[start]))] if start not in seen else []
        seen.add(start)
        while stack:
            node, rest = stack[-1]
            ahead = next((other for other in rest if other not in seen and other in requires), None)
            if ahead is None:
                ordered.append(node)
                stack.pop()
            else:
                seen.add(ahead)
                stack.append((ahead, iter(requires[ahead])))
    return ordered


def find_cycle(requires: Mapping[str, Sequence[str]]) -> list[str]:
    """The ids of one cycle, each requiring the next and the last the first; empty where there is none."""
    finished: set[str] = set()
    for start in requires:
        if start in finished:
            continue
        trail = [start]
        rests = [iter(requires[start])]
        while trail:
            ahead = next((other for other in rests[-1] if other not in finished and other in requires), None)
            if ahead is None:
                finished.add(trail.pop())
                rests.pop()
            elif ahead in trail:
                return trail[trail.index(ahead) :]
            else:
                trail.append(ahead)
                rests.append(iter(requires[ahead]))
    return []


def out_of_order(path: Sequence[str], requires: Mapping[str, Sequence[str]]) -> tuple[str, str] | None:
    """The first exercise of a path that comes before one it requires, with that one; else None."""
    places = {id_: place for place, id_ in enumerate(path)}
    for id_ in path:
        for other in requires[id_]:
            if places.get(other, -1) > places[id_]:
                return id_, other
    return None
