"""`python -m benchmarks [NAME] [--json]`: one benchmark, or all and `benchmarks/RESULTS.md`."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from pathlib import Path

from benchmarks.common import Result

NAMES = (
    "save_to_verdict", "engine_overhead", "list_command", "memory", "first_paint", "key_to_paint", "app_save_to_verdict",
    "batch_throughput", "dask_efficiency", "batch_growth",
)  # fmt: skip
RESULTS = Path(__file__).with_name("RESULTS.md")


def main() -> int:
    """Run what is asked for; 0 where every reach is reached."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=NAMES)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    results = []
    for name in [arguments.name] if arguments.name else NAMES:
        result: Result = importlib.import_module(f"benchmarks.{name}").run()
        results.append(result)
        print(json.dumps(result.plain()) if arguments.json else _line(result), flush=True)
    if not arguments.name:
        RESULTS.write_text(_page(results), encoding="utf-8")
    return 0 if all(result.reached for result in results) else 1


def _line(result: Result) -> str:
    return (
        f"{result.name}: ours {result.ours:g} {result.unit}, peer {result.peer:g} {result.unit} ({result.peer_is}), "
        f"ratio {result.ratio:g}; {result.reach}: {'reached' if result.reached else 'NOT reached'}"
    )


def _page(results: list[Result]) -> str:
    rows = [
        f"| {r.name} | {r.ours:g} | {r.peer:g} | {r.unit} | {r.ratio:g} | {r.reach} "
        f"| {'yes' if r.reached else '**no**'} | {r.peer_is} |"
        for r in results
    ]
    details = [f"## {r.name}\n\n```json\n{json.dumps(r.details, indent=1)}\n```\n" for r in results if r.details]
    return "\n".join(
        [
            "# Results",
            "",
            "Written by `make bench` (`python -m benchmarks`); each row is taken side by side in one run:",
            "medians of alternating runs.",
            "",
            f"Machine: {os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {sys.version.split()[0]}.",
            "",
            "| benchmark | ours | peer | unit | ratio | reach | reached | peer is |",
            "|---|---|---|---|---|---|---|---|",
            *rows,
            "",
            *details,
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
