"""Notebooks: the code of the cells that carry an exercise's id as a tag. Runs nothing."""

from __future__ import annotations

import json
from typing import Any

from grader.batch.entries import Refusal

# `exercise:attention/softmax` is taken as well: some notebooks use tags for other things too.
PREFIX = "exercise:"


def tagged(data: bytes, ids: frozenset[str]) -> dict[str, str]:
    """The source for each of `ids` that cells of the notebook `data` are tagged with, in the order of the cells.

    A line of IPython's own (`%matplotlib inline`, `!pip install`, `?help`) becomes a comment, so that lines keep their numbers.
    Raises Refusal where it is no notebook of format 4.
    """
    try:
        notebook = json.loads(data)
        cells = notebook["cells"]
        assert isinstance(cells, list)
    except (ValueError, RecursionError, KeyError, TypeError, AssertionError):
        raise Refusal("it is no Jupyter notebook of format 4") from None
    found: dict[str, list[str]] = {}
    for cell in cells:
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            for id in _tags(cell) & ids:
                found.setdefault(id, []).append(_plain(_text(cell.get("source"))))
    return {id: "\n\n".join(parts) + "\n" for id, parts in found.items()}


def _tags(cell: dict[str, Any]) -> set[str]:
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return {tag.removeprefix(PREFIX) for tag in tags if isinstance(tag, str)} if isinstance(tags, list) else set()


def _text(source: Any) -> str:
    if isinstance(source, list):
        return "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""


def _plain(source: str) -> str:
    lines = source.split("\n")
    if lines and lines[0].startswith("%%"):
        # The whole cell belongs to a magic (`%%timeit`, `%%writefile`); its body is code all the same.
        lines[0] = "# " + lines[0]
    return "\n".join("# " + line if line.startswith(("%", "!", "?")) else line for line in lines)
