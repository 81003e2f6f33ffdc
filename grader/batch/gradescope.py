"""Gradescope's export of submissions: which of its folders is whose. Its `results.json` is the report's."""

from __future__ import annotations

from typing import Any

import yaml

from grader.batch.entries import Refusal

METADATA = "submission_metadata.yml"
MAX_METADATA = 64 << 20


def students(metadata: bytes) -> dict[str, tuple[str, ...]]:
    """The students of each folder ("submission_123"), as "Name (email)"; a group has several. Raises Refusal."""
    try:
        # Ruby writes the keys with a colon in front; to YAML they are strings that begin with one.
        loaded = yaml.load(metadata, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Refusal(f"{METADATA} cannot be read: {str(error).splitlines()[0]}") from None
    if not isinstance(loaded, dict):
        raise Refusal(f"{METADATA} is not Gradescope's: it holds no submissions")
    return {str(folder): _names(str(folder), value) for folder, value in loaded.items()}


def _names(folder: str, value: Any) -> tuple[str, ...]:
    submitters = value.get(":submitters") if isinstance(value, dict) else None
    names = []
    for submitter in submitters if isinstance(submitters, list) else []:
        if isinstance(submitter, dict):
            name, other = str(submitter.get(":name") or "").strip(), submitter.get(":email") or submitter.get(":sid")
            told = f"{name} ({other})" if name and other else name or str(other or "")
            if told:
                names.append(told)
    return tuple(dict.fromkeys(names)) or (folder,)
