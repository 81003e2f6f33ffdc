"""Puts a numpy.py and a torch.py of its own first on the path."""
# exercise: attention/scaled_dot_product
# status: failed|error

import os
import sys

NAMES = ("numpy.py", "torch.py", "{{TOKEN}}.py")
sys.path[:0] = ["{{TMP}}", "{{WORK}}"]
for place in (
    "{{SUITE}}",
    "{{REFERENCE}}",
    "{{COURSE}}/x",
    "{{PACKAGE}}/x",
    "{{TMP}}/x",
    "{{WORK}}/x",
    "{{HOME}}/x",
    "/tmp/x",
    "/x",
):
    folder = os.path.dirname(place)
    for name in NAMES:
        try:
            with open(os.path.join(folder, name), "w") as file:
                file.write("raise SystemExit(0)")
            print("BREACH wrote", folder, name)
        except OSError:
            pass


def sdpa(Q, K, V, mask=None):
    return V


for name in ("numpy", "torch"):
    sys.modules.pop(name, None)
