"""Prints without a newline, at import, as bytes, on both streams."""
# exercise: attention/scaled_dot_product
# status: error
# says: printed more than 1 MiB

import sys

for _ in range(2000):
    sys.stdout.buffer.write(b"\xff" * 10_000)
    sys.stderr.write("x" * 10_000)
