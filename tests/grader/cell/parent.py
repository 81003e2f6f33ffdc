"""A cell's parent for tests: runs pieces of code in forked children, sandboxed or not.

A program of its own, so that pytest, with its threads and files, is never forked. Orders and answers are JSON lines.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from grader.cell.probes import run_probes
from grader.cell.sandbox import Sandbox

PATIENCE = 30.0  # seconds; only a test that fails waits so long


def run(sandbox: Sandbox, order: dict[str, Any]) -> dict[str, Any]:
    """Fork, protect, exec `code`; what it printed and how it ended. `signal_after`: SIGUSR1 ten times a second once
    it printed that."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.dup2(writing, 1)
            os.dup2(writing, 2)
            os._exit(child_main(sandbox, order))
        os._exit(70)
    os.close(writing)
    out, ended = b"", False
    deadline = time.monotonic() + PATIENCE
    cue = order.get("signal_after")
    while not ended and time.monotonic() < deadline:
        if select.select([reading], [], [], 0.1)[0]:
            part = os.read(reading, 65536)
            out += part
            ended = not part
        elif cue and cue.encode() in out:
            os.kill(child, signal.SIGUSR1)
    if not ended:
        os.kill(child, signal.SIGKILL)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    return {"out": out.decode(errors="replace"), "code": os.waitstatus_to_exitcode(status), "late": not ended}


def child_main(sandbox: Sandbox, order: dict[str, Any]) -> int:
    """The exit code: 0 done, 1 it raised, 2 the sandbox could not be applied."""
    only = order.get("only")
    if only is not None:  # some protections alone, to see that each holds by itself
        sandbox = Sandbox({name: step for name, step in sandbox._steps.items() if name.partition("-")[0] in only})
    try:
        memory = order.get("memory_mib", 1024)
        sandbox.apply(keep_fds=(0, 1, 2, *order.get("keep", ())), seconds=order.get("seconds", 20), memory_mib=memory)
    except BaseException:
        traceback.print_exc()
        return 2
    try:
        exec(compile(order["code"], "learner.py", "exec"), {"__name__": "learner", **order.get("names", {})})
        code = 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def warm_up() -> None:
    """First uses that look at the system, done where that is still allowed."""
    import numpy
    import torch
    import torch._dynamo

    torch.set_num_threads(1)
    values = torch.randn(4, 4, requires_grad=True)
    (values @ values).sum().backward()
    numpy.linalg.inv(numpy.eye(3))


def main() -> None:
    """Answer orders until the input closes."""
    if "WITH_TORCH" in os.environ:
        warm_up()
    sandbox = Sandbox.prepare([Path(root) for root in json.loads(os.environ.get("HIDDEN", "[]"))])
    print(json.dumps({"protections": sandbox.protections, "missing": sandbox.missing}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if order.get("probe") is not None:
            found = run_probes(sandbox, protected=order["probe"])
            answer: Any = [dataclasses.asdict(probe) for probe in found]
        else:
            answer = run(sandbox, order)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
