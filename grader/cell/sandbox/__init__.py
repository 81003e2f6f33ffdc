"""The protections of the cell: what a forked child gives up before it runs a learner's code.

Linux, without root, by the kernel's own means: Landlock, seccomp, limits, capabilities. Elsewhere limits only, under
the name "practice". Knows nothing of the wire or of courses beyond the folders to hide, and imports nothing of ours
but errors. It does not watch the wall clock, the memory in use or the output: the engine does, from outside.

Landlock holds opening, not looking up: a child can still learn by `stat` that a path exists, and its size.
"""

from grader.cell.sandbox.sandbox import Sandbox, SandboxError

__all__ = ["Sandbox", "SandboxError"]
