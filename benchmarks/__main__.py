"""`python -m benchmarks [NAME]... [--json]`: some benchmarks, or all, into `benchmarks/results.json` and `RESULTS.md`."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.common import Result

NAMES = (
    "save_to_verdict", "engine_overhead", "list_command", "memory", "first_paint", "key_to_paint", "app_save_to_verdict",
    "batch_throughput", "dask_efficiency", "batch_growth", "leaderboard_page", "class_load",
)  # fmt: skip
FIGURES = Path(__file__).with_name("results.json")
RESULTS = Path(__file__).with_name("RESULTS.md")


def main() -> int:
    """Run what is asked for; 0 where every reach is reached."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"one of {', '.join(NAMES)}; default: all")
    parser.add_argument("--json", action="store_true", help="print a JSON object for each, and write nothing")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(NAMES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    reached = True
    for name in arguments.names or NAMES:
        result: Result = importlib.import_module(f"benchmarks.{name}").run()
        reached &= result.reached
        print(json.dumps(result.plain()) if arguments.json else _line(result), flush=True)
        if not arguments.json:
            _record(result)
    return 0 if reached else 1


def _record(result: Result) -> None:
    """Put the figure in the place of the former one of its name."""
    known = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.is_file() else {}
    known[result.name] = {**result.plain(), "taken": f"{datetime.now(UTC):%Y-%m-%d %H:%M}"}
    ordered = {name: known[name] for name in NAMES if name in known}
    FIGURES.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
    RESULTS.write_text(_page(list(ordered.values())), encoding="utf-8")


def _line(result: Result) -> str:
    return (
        f"{result.name}: ours {result.ours:g} {result.unit}, peer {result.peer:g} {result.unit} ({result.peer_is}), "
        f"ratio {result.ratio:g}; {result.reach}: {'reached' if result.reached else 'NOT reached'}"
    )


def _page(results: list[dict[str, Any]]) -> str:
    rows = [
        f"| {r['name']} | {r['ours']:g} | {r['peer']:g} | {r['unit']} | {r['ratio']:g} | {r['reach']} "
        f"| {'yes' if r['reached'] else '**no**'} | {r['peer_is']} | {r['taken']} |"
        for r in results
    ]
    details = [
        f"## {r['name']}\n\n```json\n{json.dumps(r['details'], indent=1)}\n```\n" for r in results if r["details"]
    ]
    return "\n".join(
        [
            "# Results",
            "",
            "Written by `make bench` (`python -m benchmarks [NAME]...`); each row is taken side by side in one run: medians of",
            "alternating runs. The last column says when (UTC).",
            "",
            f"Machine: {os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {sys.version.split()[0]}.",
            "",
            "| benchmark | ours | peer | unit | ratio | reach | reached | peer is | taken |",
            "|---|---|---|---|---|---|---|---|---|",
            *rows,
            "",
            *details,
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
